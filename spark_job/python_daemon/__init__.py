"""The process from which Spark forks its Python workers, with this job's libraries already imported.

It is a `__main__` module, so that decoders' processes do not import it again, as they would `pyspark.daemon`.
"""


def make_ready(_: int) -> None:
    """Start the worker's decoder; a first task for each worker, while the driver still lists the images."""
    from spark_job.images.isolation import start_decoder

    start_decoder()
