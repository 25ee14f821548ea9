"""Objects in S3: photographs up, results down, listings."""
