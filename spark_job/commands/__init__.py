"""The commands: their options, and the call of what does the work."""
