"""The entry point for spark-submit, which wants a file: the rest comes with `--py-files`."""

from spark_job.command_line import main
from spark_job.session import open_session

if __name__ == "__main__":
    main()
    # YARN takes a driver that ends well, but never had a session, for a failed one: a run that was complete.
    open_session("spark_job")
