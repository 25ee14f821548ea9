"""A Lambda function that hears of a run's end: it publishes the figures and tells the waiting deploy."""
