"""The runs of a deployment: their folders in the results bucket, how they ended, and their logs."""
