"""Measures the speed of the job beside its peers; prints one table and writes `benchmarks/results.json`."""

import json
import platform
import re
import shutil
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import file_figures, phone_figures, reuse_figures, speed_figures, table
from benchmarks.peers.assignment import core_count
from benchmarks.photographs import drawn_photographs, folder_of, phone_photographs, photographs_in
from benchmarks.rounds import CONTENDERS, KINDS, Inputs, Plan, measure_all
from infra.checkout import ROOT
from spark_job.provenance import installed_versions

RESULTS = {kind: ROOT / "benchmarks" / f"results-{kind}.json" for kind in ("phone", "files", "reuse")}
RESULTS["drawn"] = ROOT / "benchmarks" / "results.json"
TRIAL_RESULTS = ROOT / ".build" / "benchmark-trial.json"
WORK = ROOT / ".build" / "benchmarks"
FIGURES = {"drawn": speed_figures, "phone": phone_figures, "files": file_figures, "reuse": reuse_figures}
PACKAGES = (
    *("pyspark", "openvino", "tensorflow", "keras", "daft", "ray"),
    *("scikit-learn", "numpy", "pyarrow", "pandas"),
)
# The network of a kind of measurement that does not use MobileNetV2; that of `files` takes no time.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "files": ("raw_pixels", {"size": (8, 8)}),
    "reuse": ("efficientnet_lite0", {}),
}


def main() -> None:
    """Measure what was asked for; exit with 1 when a contender failed.

    A peer that is not installed, or a target that is missed, is no failure.
    """
    options = _options()
    kind = KINDS[options.kind]
    keys = set(options.only.split(",") if options.only else kind.contenders)
    # Every ratio is to this job, or to its run on new photographs.
    keys |= ({"b"} if keys & set("acdegl") else set()) | ({"n"} if keys & set("ok") else set())
    plan = Plan(options.kind, frozenset(keys), options.count or kind.count, options.rounds or kind.rounds)
    if options.quick:
        plan = replace(plan, count=kind.quick_count, rounds=1, reduction_rows=3_000)
    machine = _machine()
    shutil.rmtree(WORK, ignore_errors=True)
    inputs, source = _inputs(plan, options)
    runs = measure_all(plan, inputs, lambda line: print(line, file=sys.stderr, flush=True))
    figures = FIGURES[plan.kind](runs)
    print(table(figures, machine))
    notebook = f", notebook {plan.sizes('c')[0]:,}" if "c" in plan.contenders else ""
    print(f"\nN = {plan.count:,}{notebook}; {plan.rounds} rounds; {source}")
    if plan.count < kind.minimum_count:
        print(f"N is below {kind.minimum_count:,}: a trial of the benchmark, its figures mean nothing")
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


def _machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and versions of this machine."""
    information = Path("/proc/cpuinfo")
    text = information.read_text(encoding="utf-8") if information.is_file() else ""
    processor = re.search(r"^model name\s*:\s*(.+)", text, re.MULTILINE)
    installed = installed_versions(PACKAGES)
    return {
        "processor": processor[1].strip() if processor else platform.processor() or platform.machine(),
        "cores": core_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_average_before": psutil.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: installed.get(package, "not installed") for package in PACKAGES},
    }


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--images", type=Path, help="folder of photographs; default: drawn fruit")
    parser.add_argument(
        "--kind", choices=KINDS, default="drawn", help="what is measured (default %(default)s)"
    )
    parser.add_argument("--weights", help="weights file of MobileNetV2; default: random numbers")
    parser.add_argument("--extractor", type=Path, help="extractor folder to use instead of building one")
    contenders = ", ".join(f"{key} {name}" for key, name in sorted(CONTENDERS.items()))
    # argparse formats its help.
    parser.add_argument("--only", help=f"comma-separated of: {contenders.replace('%', '%%')}")
    parser.add_argument("--count", type=int, help="N (default: that of the kind)")
    parser.add_argument("--rounds", type=int, help="(default: those of the kind)")
    parser.add_argument("--quick", action="store_true", help="try it out: one round, few images")
    options = parser.parse_args()
    if unknown := set((options.only or "").split(",")) - {*CONTENDERS, ""}:
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {contenders}")
    if any(number is not None and number < 1 for number in (options.count, options.rounds)):
        parser.error("--count and --rounds are at least 1")
    return options


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
    extractor = options.extractor or WORK / "extractor"
    if not options.extractor:
        from spark_job.extractors.build import build_extractor

        mobilenet = "mobilenet_v2", {"weights": options.weights or "random"}
        network, settings = NETWORKS.get(plan.kind, mobilenet)
        build_extractor(network, extractor, **settings)
    origin = "given" if options.images else "drawn"
    return Inputs(folders, extractor.absolute(), WORK), f"{len(source):,} photographs {origin}"


if __name__ == "__main__":
    main()
