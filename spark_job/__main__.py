"""`python -m spark_job`."""

from spark_job.command_line import main

if __name__ == "__main__":
    main()
