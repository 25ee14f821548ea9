"""What a destroy takes away, what stays, and what is left behind."""
