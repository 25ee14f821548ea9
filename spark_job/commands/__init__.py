"""The commands, one a module: their options, and the call of what does the work."""
