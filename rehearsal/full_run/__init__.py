"""The whole rehearsal: what `make run` does, one event after the other."""
