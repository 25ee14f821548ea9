"""Measures the speed of the job beside its peers; imports the job, and nothing imports this."""
