"""The loss of runs that nobody has trained yet."""
