"""What a run is asked to do."""

from spark_job.contract.run_options import LATEST as LATEST
from spark_job.contract.run_options import RUN_ID as RUN_ID
from spark_job.contract.run_options import RunOptions as RunOptions
