"""The page that lists all runs of a results folder, for a person to compare, sort and filter."""

from collections.abc import Callable, Mapping

from spark_job.contract.manifest import RunFigures
from spark_job.report.document import (
    Block,
    Cell,
    Document,
    Link,
    Number,
    Placeholder,
    Section,
    Table,
    count,
    duration,
    percent,
    speed,
)
from spark_job.report.page import render_page, report_link

COLUMNS = (
    *("Run", "Made by", "Created (UTC)", "Images", "Rejected", "Components", "Variance", "Model"),
    *("Accuracy", "Images a second", "Time", "Made from"),
)
EXPLAINED = (
    "Variance is the share that the components keep. Accuracy is that of a classifier on its test images: a "
    "run shows that of the newest train that was made from it. Images a second counts the images whose "
    "features were computed."
)
COST = "USD"  # a column where a run has one
COST_EXPLAINED = (
    f" {COST}, of runs on AWS, is what the nodes had cost when the run was complete, on demand; the command "
    "fruit runs also counts the end of the cluster."
)


def render_index(runs: Mapping[str, RunFigures]) -> bytes:
    """Return the page of finished runs, by folder, in the order given, with links to their reports."""
    has_costs = any(run.cost_usd is not None for run in runs.values())
    rows, columns, explained = [_row(*one) for one in runs.items()], [*COLUMNS], EXPLAINED
    if has_costs:
        columns, explained = [*columns, COST], explained + COST_EXPLAINED
        for row, run in zip(rows, runs.values(), strict=True):
            row.append(_number(run.cost_usd, "{:.2f}".format))
    table = Table("Finished runs", columns, rows, style="runs")
    blocks: list[Block] = [explained, table] if rows else [Placeholder("There are no finished runs yet.")]
    subtitle = f"{count(len(runs))} finished {'run' if len(runs) == 1 else 'runs'}"
    return render_page(Document("All runs", subtitle, {}, [Section("Runs", blocks)], of_a_run=False))


def _row(folder: str, run: RunFigures) -> list[Cell]:
    return [
        Link(folder, report_link(folder)),
        run.kind,
        Number.ordered(run.created_text, run.created.timestamp() if run.created else None),
        *(_number(value, count) for value in (run.images, run.rejected, run.components)),
        _number(run.explained_variance_ratio, percent),
        run.model or "",
        _number(run.accuracy, percent),
        _number(run.images_per_second, speed),
        _number(run.seconds, duration),
        ", ".join(run.parents),
    ]


def _number(value: float | None, written: Callable[[float], str]) -> Number:
    return Number("") if value is None else Number.ordered(written(value), value)
