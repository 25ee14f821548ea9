"""The entry point for spark-submit, which wants a file: the rest comes with `--py-files`."""

from spark_job.command_line import main

if __name__ == "__main__":
    main()
