"""The commands: each module NAME holds the click command NAME_command."""
