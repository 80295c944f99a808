"""Laws held against runs that they have not seen, against each other, and against known truths."""
