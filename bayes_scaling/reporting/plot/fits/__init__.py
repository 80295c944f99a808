"""Pictures of a fit. Each is a ``--kind`` of the command line's ``plot``, and its arguments are options there."""
