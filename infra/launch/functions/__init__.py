"""The function that starts clusters."""
