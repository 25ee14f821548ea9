"""A Lambda function that starts a cluster for one run, when a person or the schedule asks for it."""
