"""What the job and those who start it or read its results agree on; it imports the standard library alone."""
