"""Limits that protect a worker from a single image."""

from spark_job.contract.run_options import MEBIBYTE as MEBIBYTE
from spark_job.contract.run_options import ImageLimits as ImageLimits
