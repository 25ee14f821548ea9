"""What runs hold of some images, found and removed; tables last: they tell what a stopped removal lacks."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_job.arrow_tables import part_uris, read_columns
from spark_job.contract import run_layout as layout
from spark_job.contract.erasure import Wanted, erasures_folder
from spark_job.contract.manifest import RUN, Manifest
from spark_job.contract.run_options import RunOptions
from spark_job.contract.uris import is_s3, last_name
from spark_job.erasure.tables import rows_of, without_lines, without_rows
from spark_job.extractors.specification import Extractor, ExtractorSpecification
from spark_job.pipeline.progress import RunProgress
from spark_job.pipeline.report_stage import contents
from spark_job.pipeline.run_folder import RunFolder, write_index
from spark_job.pipeline.stage_results import Run, StageResults, result_from_json
from spark_job.report.document import Document
from spark_job.report.page import render_document
from spark_job.report.run_report import render_report
from spark_job.storage import Folder, side_by_side

LINES_AT_ONCE = 10_000
SHOWING_THEIR_RUN = ("train", "group", "check")  # reports of these show pictures of the run that they read
# Analyses that fit a model to images: what it is, and the figure of metrics.json that says to how many.
FITTING = {
    "train": ("classifier", "classifier", "training_images"),
    "group": ("centres of groups", "images", "grouped"),
}
# In this order: whoever is stopped finds the rows of the last ones again.
TABLES_LAST = (layout.REUSE, layout.FEATURES, layout.LISTING)
ERASED_NOTE = "Images were erased from this run after it ended: they are counted, and no longer shown."
GONE_NOTE = "Images of the run that was read have been erased. This report showed some, and went with them."


@dataclass(frozen=True)
class RunTraces:
    """What one run holds of the images."""

    run: RunFolder
    manifest: Manifest | None  # None: the run is not complete
    rows: dict[str, int] = field(default_factory=dict)  # part of a table -> how many rows name an image
    images: frozenset[str] = frozenset()  # their paths
    used: frozenset[str] = frozenset()  # those of them that have features
    is_one_of_them: bool = False  # the run was made of such an image alone, and names it in its parameters
    reads: str = ""  # an affected run that this one has read, and may show

    @property
    def run_id(self) -> str:
        return last_name(self.run.uri)

    def plan(self) -> str:
        if self.is_one_of_them:
            what = "was made of the image alone: the run is removed"
        elif self.manifest is None:
            what = "unfinished: back to its start, so that --resume lists the sources again"
        elif not self.rows:
            what = f"its report shows images of {self.reads}: the report is removed"
        else:
            rows, images = sum(self.rows.values()), len(self.images)
            what = f"{rows:,} rows in {len(self.rows):,} parts, {images:,} images"
        return f"{self.run_id}: {what}"


def find_traces(results: str, wanted: Wanted) -> list[RunTraces]:
    """Return the runs that hold something of the images, analyses before the runs that they read."""
    folder = Folder(results)
    aside = last_name(erasures_folder(results))
    runs = [RunFolder(folder.child(name)) for name in sorted(folder.folder_names()) if name != aside]
    known = list(side_by_side(lambda run: (RunTraces(run, run.read_manifest()), run.names()), runs))
    tasks = [(one, name) for one, names in known for name in names if _is_table(name)]
    found = side_by_side(lambda task: rows_of(task[0].run.child(task[1]), wanted), tasks)
    hits: dict[str, dict[str, pa.Table]] = {}
    for (one, name), rows in zip(tasks, found, strict=True):
        if rows is not None:
            hits.setdefault(one.run.uri, {})[name] = rows
    traced = [_traced(one, hits.get(one.run.uri, {}), wanted) for one, _ in known]
    affected = {one.run_id for one in traced if one.used}
    for place, one in enumerate(traced):
        # The affected run whose pictures this one shows, or whose rows it refers to.
        if one.manifest is None:
            listing = one.run.stage("listing") or {}
            parents = [listing.get("previous") or listing.get("earlier") or ""]
        else:
            parents = list(one.manifest.parents) if one.manifest.kind in SHOWING_THEIR_RUN else []
        reads = next((name for name in map(last_name, parents) if name in affected), "")
        traced[place] = replace(one, reads=reads)
    return sorted(
        (one for one in traced if one.rows or one.is_one_of_them or one.reads),
        key=lambda one: one.manifest is not None and one.manifest.kind == RUN,
    )


def images_given_by(results: str, contributor: str) -> set[str]:
    """Return the paths of a person's images in all runs of a folder, of rows that say who gave them."""
    folder = Folder(results)
    features = [Folder(folder.child(name)).at(layout.FEATURES) for name in folder.folder_names()]

    def given(uri: str) -> set[str]:
        rows = read_columns(uri, ("path", "contributor"))
        if "contributor" not in rows.column_names:
            return set()
        return set(map(str, rows.filter(pc.equal(rows["contributor"], contributor))["path"].to_pylist()))

    parts = [uri for uris in side_by_side(part_uris, features) for uri in uris]
    return {path for paths in side_by_side(given, parts) for path in paths}


def _is_table(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(f"{layout.MODEL}/")


def _traced(one: RunTraces, hits: dict[str, pa.Table], wanted: Wanted) -> RunTraces:
    images, used = set[str](), set[str]()
    for name, rows in hits.items():
        images.update(str(path) for path in rows["path"].to_pylist() if path in wanted)
        if name.startswith(f"{layout.FEATURES}/"):
            used.update(map(str, rows.filter(pc.is_null(rows["error"]))["path"].to_pylist()))
    begun = (one.run.read_json(layout.PARAMETERS) or {}).get("parameters", {})
    is_one = isinstance(begun.get("images"), str) and begun["images"] in wanted
    counts = {name: rows.num_rows for name, rows in hits.items()}
    return replace(one, rows=counts, images=frozenset(images), used=frozenset(used), is_one_of_them=is_one)


def models(traces: Sequence[RunTraces]) -> list[dict[str, Any]]:
    """Return the models that were fitted with the images: run, uri, kind, images, of how many."""
    fitted = []
    used = {one.run_id: len(one.used) for one in traces if one.used}
    for one in traces:
        if one.manifest is None:
            continue
        about, applied = {"run": one.run_id, "uri": one.run.uri}, one.manifest.parameters.get("reduction")
        if one.used and not applied and (fit := one.run.read_json(layout.FIT)):
            fitted.append({**about, "kind": "PCA", "images": len(one.used), "of": fit["images"]})
        elif one.manifest.kind in FITTING and one.reads:
            kind, group, figure = FITTING[one.manifest.kind]
            of = (one.run.read_json(layout.METRICS) or {}).get(group, {}).get(figure)
            fitted.append({**about, "kind": kind, "images": used[one.reads], "of": of})
    return fitted


def remove_traces(
    results: str, traces: Sequence[RunTraces], wanted: Wanted, say: Callable[[str], None]
) -> None:
    """Remove what was found; each file is written whole or not at all."""
    for one in traces:
        say(f"{one.run_id} …")
        if one.is_one_of_them:
            one.run.clear(keep=layout.PARAMETERS.__eq__)
            one.run.clear()
        elif one.manifest is None:
            one.run.clear(keep=lambda name: name == layout.PARAMETERS or _is_table(name))
            one.run.clear(keep=layout.PARAMETERS.__eq__)
        elif one.manifest.kind == RUN:
            shown = _is_shown(one)
            last = [name for table in TABLES_LAST for name in one.rows if name.startswith(f"{table}/")]
            _rewrite(one.run, [name for name in one.rows if name not in last], wanted)
            _rewrite_csv(one.run, wanted)
            _count_again(one.run, wanted)
            if shown:
                report_again(one.run, one.manifest)
            _rewrite(one.run, last, wanted)
        else:
            _erase_from_analysis(one, one.manifest, wanted)
    if traces:
        write_index(Folder(results))


def _erase_from_analysis(one: RunTraces, manifest: Manifest, wanted: Wanted) -> None:
    """Remove the report, which cannot be made again without the analysis, and the rows."""
    notes = [f"{GONE_NOTE} Run `fruit {manifest.kind}` again for a new one."]
    local = not is_s3(one.run.uri)
    document = Document(manifest.kind, one.run_id, tiles={}, sections=[], notes=notes, in_index=local)
    for name, content in render_document(document, manifest.parents).items():
        one.run.write(f"{layout.REPORT}/{name}", content)
    one.run.at(layout.REPORT).clear(keep="index.html".__eq__)
    _rewrite_csv(one.run, wanted)
    _rewrite(one.run, sorted(one.rows), wanted)


def _rewrite(run: RunFolder, names: Iterable[str], wanted: Wanted) -> None:
    for name in names:
        run.write(name, without_rows(run.child(name), wanted))


def _rewrite_csv(run: RunFolder, wanted: Wanted) -> None:
    for name in run.names():
        if name.endswith(".csv"):
            with run.open_writer(name) as writer:
                lines = without_lines(run.lines(name), wanted)
                while block := "".join(islice(lines, LINES_AT_ONCE)):
                    writer.write(block.encode())


def _is_shown(one: RunTraces) -> bool:
    """Return whether the report may show one of the images: the projector's file names those it shows."""
    lines = one.run.lines(f"{layout.REPORT}/{layout.PROJECTOR_NAMES}")
    named = {cell.removeprefix("'") for line in lines for cell in line.rstrip("\n").split("\t")}
    unused = one.images - one.used  # the first rejected ones are shown too
    unclear = any(not path.isprintable() for path in one.images)  # a tab is not written there
    return bool(unused) or unclear or not named.isdisjoint(path.removeprefix("'") for path in one.used)


def _count_again(run: RunFolder, wanted: Wanted) -> None:
    """Count the images of each class once more: a class without images may be named after a person."""
    usable, rejected = Counter[str](), Counter[str]()
    parts = part_uris(run.at(layout.FEATURES))
    for rows in side_by_side(lambda uri: read_columns(uri, ("path", "label", "error")).to_pydict(), parts):
        for path, label, error in zip(*rows.values(), strict=True):
            if path not in wanted:
                (usable if error is None else rejected)[label] += 1
    features, listing = run.stage("features"), run.stage("listing")
    labels = sorted(usable.keys() | rejected.keys())
    if features is not None:
        features["classes"] = [(label, usable[label], rejected[label]) for label in labels]
        run.complete_stage("features", features)
    if listing is not None:
        shares = listing.get("shown_shares", {})
        listing["shown_shares"] = {label: share for label, share in shares.items() if label in labels}
        listing["warnings"] = []
        run.complete_stage("listing", listing)


def finished_run(run: RunFolder, manifest: Manifest, session: Callable[[], Any] | None = None) -> Run:
    """Return a run that is complete as its stages see it; without a session they work without Spark."""
    specification = json.dumps(manifest.extractor["specification"])
    extractor = Extractor(Folder(""), ExtractorSpecification.from_json(specification, layout.MANIFEST))
    options = RunOptions.parse([*manifest.command[1:], f"--run-id={manifest.run_id}"])
    return Run(session, options, extractor, run, Path(), manifest.fingerprint, RunProgress(run))


def report_again(run: RunFolder, manifest: Manifest) -> None:
    """Write the report of a run anew, from what is left of it."""
    seconds = {}
    results: dict[str, Any] = {}
    for name in ("listing", "features", "reduction"):
        if (content := run.stage(name)) is not None:
            results[name], seconds[name] = result_from_json(name, content)
    if not any(usable for _, usable, _ in results["features"].classes):
        results.pop("reduction", None)
    shown = contents(finished_run(run, manifest), StageResults(**results), seconds)
    created = datetime.fromisoformat(manifest.created).strftime("%Y-%m-%d %H:%M UTC")
    notes = [*shown.notes, ERASED_NOTE]
    files = render_report(replace(shown, created=created, cost_usd=manifest.cost_usd, notes=notes))
    for file, rendered in files.items():
        run.write(f"{layout.REPORT}/{file}", rendered)
