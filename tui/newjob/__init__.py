"""A new job, from a look at its rows to its job file, before it is one. Without a screen."""
