"""The configuration of one deployment: its fields, their checks, and what follows from them."""
