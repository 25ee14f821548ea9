"""The process from which Spark forks its Python workers, with this job's libraries already imported.

`spark.python.daemon.module` names it. The workers find imported what each of them would import; and since
the program is a `__main__` module, their decoders' processes do not import it a second time, as
multiprocessing would do with `pyspark.daemon`.
"""


def make_ready(_: int) -> None:
    """Start the worker's decoder; a first task for each worker, while the driver still lists the images."""
    from spark_job.images.isolation import start_decoder

    start_decoder()
