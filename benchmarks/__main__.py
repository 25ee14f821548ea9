"""Measures the speed of the job beside its peers; prints one table and writes `benchmarks/results.json`."""

import json
import os
import random
import re
import shutil
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import describe_machine, image_figures, reduction_figures, table
from benchmarks.rounds import CONTENDERS, MINIMUM_COUNT, Inputs, Plan, measure_all
from infra.checkout import ROOT
from rehearsal.demo.photographs import write_archive
from spark_job.contract.image_names import IMAGE_EXTENSIONS

DRAWN_OF_A_KIND = 80
RESULTS = ROOT / "benchmarks" / "results.json"
TRIAL_RESULTS = ROOT / ".build" / "benchmark-trial.json"
WORK = ROOT / ".build" / "benchmarks"


def photographs_in(folder: Path) -> list[Path]:
    """Return every photograph below a folder, in an order that mixes the classes and is always the same."""
    photographs = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS)
    random.Random(0).shuffle(photographs)  # noqa: S311 - no secret
    return photographs


def draw_photographs(folder: Path) -> list[Path]:
    """Draw the rehearsal's fruit, 100 x 100 pixels each; nothing is taken from anywhere."""
    write_archive(folder, views=DRAWN_OF_A_KIND)
    return photographs_in(folder)


def folder_of(count: int, source: list[Path], folder: Path) -> Path:
    """Make `folder` with `count` files CLASS/NUMBER.EXT; a shorter source is taken more than once.

    Hard links where the disk allows them, else copies.
    """
    for number in range(count):
        photograph = source[number % len(source)]
        label = re.sub(r"[^A-Za-z0-9_-]+", "-", photograph.parent.name)
        target = folder / label / f"{number:06}{photograph.suffix.lower()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(photograph, target)
        except OSError:
            shutil.copyfile(photograph, target)
        target.read_bytes()  # every contender finds the files in the system's cache
    return folder


def main() -> None:
    """Measure what was asked for; exit with 1 when a contender failed.

    A peer that is not installed, or a target that is missed, is no failure.
    """
    options = _options()
    plan = _plan(options)
    machine = describe_machine()
    shutil.rmtree(WORK, ignore_errors=True)
    inputs, source = _inputs(plan, options)
    runs = measure_all(plan, inputs, lambda line: print(line, file=sys.stderr, flush=True))
    figures = (image_figures(runs) if plan.image_contenders else []) + reduction_figures(runs)
    print(table(figures, machine))
    print(f"\nN = {plan.count:,}, notebook {plan.sizes('c')[0]:,}; {plan.rounds} rounds; {source}")
    if plan.count < MINIMUM_COUNT:
        print(f"N is below {MINIMUM_COUNT:,}: a trial of the benchmark, its figures mean nothing")
    document = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "plan": {**asdict(plan), "contenders": sorted(plan.contenders)},
        "source": source,
        "figures": [{**asdict(figure), "verdict": figure.verdict} for figure in figures],
        "runs": [asdict(run) for run in runs],
    }
    path = RESULTS if plan.is_complete else TRIAL_RESULTS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"raw runs: {path.relative_to(ROOT)}")
    shutil.rmtree(WORK)
    sys.exit(int(any(run.error and "not installed" not in run.error for run in runs)))


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--images", type=Path, help="folder of photographs; default: drawn fruit")
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
    needed = {"b"} if keys & set("acdeg") else set()  # every ratio is to this job
    plan = Plan(keys | needed, options.count, options.rounds)
    return replace(plan, count=200, rounds=1, reduction_rows=3_000) if options.quick else plan


def _inputs(plan: Plan, options: Namespace) -> tuple[Inputs, str]:
    """Return photographs of every size and the extractor, and in words where the photographs come from."""
    if not plan.image_contenders:
        return Inputs({}, WORK, WORK), "generated features"
    source = photographs_in(options.images) if options.images else draw_photographs(WORK / "drawn")
    if not source:
        sys.exit(f"Error: no photographs in {options.images}: give a folder that holds JPEG or PNG files")
    sizes = {size for contender in plan.image_contenders for size in plan.sizes(contender)}
    folders = {size: folder_of(size, source, WORK / f"photographs-{size}") for size in sizes}
    extractor = options.extractor or _build_extractor(options.weights)
    origin = "photographs given" if options.images else "photographs drawn"
    return Inputs(folders, extractor.absolute(), WORK), f"{len(source):,} {origin}"


def _build_extractor(weights: str | None) -> Path:
    from spark_job.extractors.build import build_extractor

    build_extractor("mobilenet_v2", WORK / "extractor", weights=weights or "random")
    return WORK / "extractor"


if __name__ == "__main__":
    main()
