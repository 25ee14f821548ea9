"""Which files of a run the table of personal data does not tell of."""

from collections.abc import Iterable

from spark_job.contract.run_layout import PERSONAL_DATA


def without_row(names: Iterable[str]) -> list[str]:
    """Those of these files of a run, or of an analysis, that have no row."""
    return [name for name in names if not any(row.tells_of(name) for row in PERSONAL_DATA)]
