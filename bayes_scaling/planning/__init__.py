"""What to train next, and what a choice may cost."""
