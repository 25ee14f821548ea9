"""What must be true of the account before a deploy."""
