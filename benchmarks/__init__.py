"""Measures the speed of the job beside its peers; imports `spark_job` and nothing imports this."""
