"""EMR's operations: each takes the account's state and a checked request, and answers."""
