"""Runs that lie in trackers and logs: read into one record each, and settled to one row of a table each."""
