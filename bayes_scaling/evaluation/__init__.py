"""Laws judged by runs that they have not seen, by each other, and by known truths."""
