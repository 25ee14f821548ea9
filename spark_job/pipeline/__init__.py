"""A run: its options, its folder, its stages, and going on where an earlier attempt stopped."""
