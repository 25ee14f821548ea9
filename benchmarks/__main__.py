"""Measures the speed of the job beside its peers; prints one table and writes `benchmarks/results.json`."""

import json
import shutil
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, image_figures, reduction_figures
from benchmarks.machine import machine
from benchmarks.measure import Run
from benchmarks.photographs import folder_of, generate, photographs_in
from benchmarks.plan import CONTENDERS, MINIMUM_COUNT, Plan, with_what_they_need
from benchmarks.rounds import Inputs, measure_all
from benchmarks.table import table
from infra.checkout import ROOT

RESULTS = ROOT / "benchmarks" / "results.json"
TRIAL_RESULTS = ROOT / ".build" / "benchmark-trial.json"
WORK = ROOT / ".build" / "benchmarks"


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    plan = _plan(options)
    facts = machine()
    shutil.rmtree(WORK, ignore_errors=True)
    inputs, source = _inputs(plan, options)
    runs = measure_all(plan, inputs, lambda line: print(line, file=sys.stderr, flush=True))
    figures = (image_figures(runs) if plan.image_contenders else []) + reduction_figures(runs)
    print(table(figures, facts))
    print(f"\nN = {plan.count:,}, notebook {plan.sizes('c')[0]:,}; {plan.rounds} rounds; {source}")
    if plan.count < MINIMUM_COUNT:
        print(f"N is below {MINIMUM_COUNT:,}: a trial of the benchmark, its figures mean nothing")
    document = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "plan": {**asdict(plan), "only": sorted(plan.only)},
        "source": source,
        "figures": [_as_json(figure) for figure in figures],
        "runs": [asdict(run) for run in runs],
    }
    path = RESULTS if plan.is_complete else TRIAL_RESULTS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"raw runs: {path.relative_to(ROOT)}")
    shutil.rmtree(WORK)
    sys.exit(_exit_code(runs))


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--images", type=Path, help="folder of photographs; default: generated ones")
    parser.add_argument("--weights", help="weights file of MobileNetV2; default: random numbers")
    parser.add_argument("--extractor", type=Path, help="extractor folder to use instead of building one")
    contenders = ", ".join(f"{key} {name}" for key, name in sorted(CONTENDERS.items()))
    parser.add_argument("--only", help=f"comma-separated of: {contenders}")
    parser.add_argument("--count", type=int, default=Plan.count, help="N (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="(default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="try it out: one round, few images")
    options = parser.parse_args()
    if unknown := set((options.only or "").split(",")) - {*CONTENDERS, ""}:
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {contenders}")
    if options.count < 1 or options.rounds < 1:
        parser.error("--count and --rounds are at least 1")
    return options


def _plan(options: Namespace) -> Plan:
    keys = frozenset(options.only.split(",")) if options.only else frozenset(CONTENDERS)
    plan = Plan(with_what_they_need(keys), options.count, options.rounds)
    return replace(plan, count=200, rounds=1, reduction_rows=3_000) if options.quick else plan


def _inputs(plan: Plan, options: Namespace) -> tuple[Inputs, str]:
    """Photographs of every size and the extractor; and in words where the photographs come from."""
    work = WORK
    if not plan.image_contenders:
        return Inputs({}, work, work), "generated features"
    source = photographs_in(options.images) if options.images else generate(work / "generated")
    if not source:
        sys.exit(f"Error: no photographs in {options.images}")
    sizes = {size for contender in plan.image_contenders for size in plan.sizes(contender)}
    folders = {size: folder_of(size, source, work / f"photographs-{size}") for size in sizes}
    extractor = options.extractor or _build_extractor(options.weights, work / "extractor")
    kind = "photographs given" if options.images else "photographs generated"
    return Inputs(folders, extractor.absolute(), work), f"{len(source):,} {kind}"


def _build_extractor(weights: str | None, folder: Path) -> Path:
    from spark_job.extractors.build import build_extractor

    build_extractor("mobilenet_v2", folder, weights=weights or "random")
    return folder


def _as_json(figure: Figure) -> dict[str, object]:
    return {**asdict(figure), "verdict": figure.verdict}


def _exit_code(runs: list[Run]) -> int:
    """1 when a run failed; a peer that is not installed, or a target that is missed, is no failure."""
    return int(any(run.error and "not installed" not in run.error for run in runs))


if __name__ == "__main__":
    main()
