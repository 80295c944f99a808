"""Which runs to train next, to know more."""
