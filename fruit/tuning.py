"""The two commands that tune, each put together with the job's report of a tuning."""

from operate.commands.tune import make_tune_command
from rehearsal.commands.tune import make_tune_command as make_rehearsed_tune_command
from spark_job.contract.tuning import Tuning


def _write_report(tuning: Tuning, results: str, run_id: str) -> str:
    from spark_job.analyses.tuning import write_tuning_report  # its libraries take seconds to load

    return write_tuning_report(tuning, results, run_id)


tune_command = make_tune_command(_write_report)
rehearsed_tune_command = make_rehearsed_tune_command(_write_report)
