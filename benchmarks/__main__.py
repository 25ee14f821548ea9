"""Measures the speed of the job beside its peers; prints one table and writes `benchmarks/results.json`."""

import json
import shutil
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import (
    describe_machine,
    file_figures,
    phone_figures,
    reuse_figures,
    speed_figures,
    table,
)
from benchmarks.photographs import drawn_photographs, folder_of, phone_photographs, photographs_in
from benchmarks.rounds import CONTENDERS, KINDS, Inputs, Plan, measure_all
from infra.checkout import ROOT

RESULTS = {kind: ROOT / "benchmarks" / f"results-{kind}.json" for kind in ("phone", "files", "reuse")}
RESULTS["drawn"] = ROOT / "benchmarks" / "results.json"
TRIAL_RESULTS = ROOT / ".build" / "benchmark-trial.json"
WORK = ROOT / ".build" / "benchmarks"
FIGURES = {"drawn": speed_figures, "phone": phone_figures, "files": file_figures, "reuse": reuse_figures}


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
    figures = FIGURES[plan.kind](runs)
    print(table(figures, machine))
    notebook = f", notebook {plan.sizes('c')[0]:,}" if "c" in plan.contenders else ""
    print(f"\nN = {plan.count:,}{notebook}; {plan.rounds} rounds; {source}")
    if plan.count < (least := KINDS[plan.kind].minimum_count):
        print(f"N is below {least:,}: a trial of the benchmark, its figures mean nothing")
    document = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "plan": {**asdict(plan), "contenders": sorted(plan.contenders)},
        "source": source,
        "figures": [{**asdict(one), "value": one.value, "verdict": one.verdict} for one in figures],
        "runs": [asdict(run) for run in runs],
    }
    path = RESULTS[plan.kind] if plan.is_complete else TRIAL_RESULTS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"raw runs: {path.relative_to(ROOT)}")
    shutil.rmtree(WORK)
    sys.exit(int(any(run.error and "not installed" not in run.error for run in runs)))


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--images", type=Path, help="folder of photographs; default: drawn fruit")
    kinds = "what is measured (default %(default)s)"
    parser.add_argument("--kind", choices=KINDS, default="drawn", help=kinds)
    parser.add_argument("--weights", help="weights file of MobileNetV2; default: random numbers")
    parser.add_argument("--extractor", type=Path, help="extractor folder to use instead of building one")
    contenders = ", ".join(f"{key} {name}" for key, name in sorted(CONTENDERS.items()))
    known = contenders.replace("%", "%%")  # argparse formats its help
    parser.add_argument("--only", help=f"comma-separated of: {known}")
    parser.add_argument("--count", type=int, help="N (default: that of the kind)")
    parser.add_argument("--rounds", type=int, help="(default: those of the kind)")
    parser.add_argument("--quick", action="store_true", help="try it out: one round, few images")
    options = parser.parse_args()
    if unknown := set((options.only or "").split(",")) - {*CONTENDERS, ""}:
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {contenders}")
    if any(number is not None and number < 1 for number in (options.count, options.rounds)):
        parser.error("--count and --rounds are at least 1")
    return options


def _plan(options: Namespace) -> Plan:
    kind = KINDS[options.kind]
    keys = frozenset(options.only.split(",") if options.only else kind.contenders)
    # Every ratio is to this job, or to its run on new photographs.
    needed = ({"b"} if keys & set("acdegl") else set()) | ({"n"} if keys & set("ok") else set())
    plan = Plan(options.kind, keys | needed, options.count or kind.count, options.rounds or kind.rounds)
    return replace(plan, count=kind.quick_count, rounds=1, reduction_rows=3_000) if options.quick else plan


def _inputs(plan: Plan, options: Namespace) -> tuple[Inputs, str]:
    """Return photographs of every size and the extractor, and in words where the photographs come from."""
    if not plan.image_contenders:
        return Inputs({}, WORK, WORK), "generated features"
    draw = phone_photographs if plan.kind == "phone" else drawn_photographs
    source = photographs_in(options.images) if options.images else draw(WORK / "drawn")
    if not source:
        sys.exit(f"Error: no photographs in {options.images}: give a folder that holds JPEG or PNG files")
    sizes = {size for contender in plan.image_contenders for size in plan.sizes(contender)}
    folders = {size: folder_of(size, source, WORK / f"photographs-{size}") for size in sizes}
    extractor = options.extractor or _build_extractor(options.weights, plan.kind)
    origin = "photographs given" if options.images else "photographs drawn"
    return Inputs(folders, extractor.absolute(), WORK), f"{len(source):,} {origin}"


def _build_extractor(weights: str | None, kind: str) -> Path:
    from spark_job.extractors.build import build_extractor

    if kind == "files":  # the network is to take no time
        build_extractor("raw_pixels", WORK / "extractor", size=(8, 8))
    elif kind == "reuse":
        build_extractor("efficientnet_lite0", WORK / "extractor")
    else:
        build_extractor("mobilenet_v2", WORK / "extractor", weights=weights or "random")
    return WORK / "extractor"


if __name__ == "__main__":
    main()
