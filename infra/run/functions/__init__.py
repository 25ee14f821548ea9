"""What runs in Lambda for a run; the folder is uploaded as it is."""
