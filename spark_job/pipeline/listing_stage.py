"""The first stage: every file of the sources, what is skipped, and what is reused of the previous run."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, islice, product
from typing import Any

from spark_job.arrow_tables import column_names, part_uris
from spark_job.contract import run_layout as layout
from spark_job.contract.erasure import CONSENT
from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import FOLDER, IMAGE_EXTENSIONS, UNREAD_EXTENSIONS
from spark_job.contract.manifest import Manifest
from spark_job.contract.run_options import LATEST, RunOptions
from spark_job.contract.uris import contains, is_s3
from spark_job.errors import ListingError
from spark_job.extractors.specification import Extractor
from spark_job.features.extraction import FEATURES_SCHEMA
from spark_job.features.reuse import find_reusable
from spark_job.images.labels import Labels
from spark_job.images.listing import ListedFile, list_files, read_listing, rewrite_listing, write_listing
from spark_job.images.sampling import Sample, draw, matches_any, quotas, shown_shares
from spark_job.pipeline.reduction_stage import check_reduction
from spark_job.pipeline.run_folder import RunFolder, complete_runs
from spark_job.pipeline.stage_results import MAX_POINTS, ListingResult, Run
from spark_job.reduction.tables import COMPONENTS_COLUMNS, check_size
from spark_job.storage import Folder, read_metadata

# Runs that agree in these are successive states of one archive.
SAME_ARCHIVE = ("images", "classes", "sample", "sample_per_class", "seed", "all_files", "engine", "precision")
RESERVED = frozenset((*FEATURES_SCHEMA.names, *COMPONENTS_COLUMNS))  # names that no column of labels may have
NOT_IN_CLASSES = "class not selected"
NO_CONSENT = "no consent"
NOT_CONSENTED = frozenset(("", "-", "0", "false", "n", "no", "none"))  # what people write where there is none
CONSENTS_ASKED_AT_ONCE, FILES_AT_ONCE = 32, 1_000
NOT_IN_SAMPLE = "not in the sample"
FOLDERS_NOTED = 4  # of each class
CLASSES_NAMED = 10  # by an error


def find_previous(options: RunOptions, extractor: Extractor) -> RunFolder | None:
    """Return the run that `--previous` means, or None; MisuseError: its features are of another kind."""
    if options.previous is None:
        return None
    if options.previous == LATEST:
        runs, now = complete_runs(Folder(options.results)), json.loads(json.dumps(options.parameters))
        for folder, manifest in sorted(runs, key=lambda run: run[1].created, reverse=True):
            same_archive = all(manifest.parameters.get(name) == now[name] for name in SAME_ARCHIVE)
            if manifest.extractor and same_archive and not _changes(folder, manifest, options, extractor):
                return folder
        return None
    folder = RunFolder(options.previous)
    found = folder.read_manifest()
    if found is None or not found.extractor:
        raise MisuseError(
            f"--previous {options.previous} is not the folder of a complete run: give RESULTS/RUN_ID of one"
        )
    if differences := _changes(folder, found, options, extractor):
        raise MisuseError(
            f"--previous {options.previous} has other features ({'; '.join(differences)}): give what it was "
            "made with, or compute all anew without --previous"
        )
    return folder


def _changes(folder: RunFolder, manifest: Manifest, options: RunOptions, extractor: Extractor) -> list[str]:
    """Return why features of that run could differ from those this run would compute."""
    before, now = manifest.parameters, options.parameters
    found = [
        f"{name} {before.get(name)}, now {now[name]}"
        for name in ("engine", "precision")
        if before.get(name) != now[name]
    ]
    if difference := extractor.specification.difference(manifest.extractor_fingerprint):
        found.append(difference)
    parts = part_uris(folder.at(layout.FEATURES))
    if parts and (missing := set(FEATURES_SCHEMA.names) - set(column_names(parts[0]))):
        found.append(f"no columns {', '.join(sorted(missing))}, as earlier versions of this job left it")
    return found


def list_stage(run: Run) -> ListingResult:
    """Write down every file of the sources; count what is skipped and why, and what can be reused."""
    options, listing = run.options, run.folder.at(layout.LISTING)
    previous = find_previous(options, run.extractor)
    labels = Labels.of(options.labels, reserved=RESERVED)
    skipped, candidates, classes = Counter[str](), Counter[str](), ClassFolders()
    use, others = TableUse(labels), set[str]()

    def selected_or_not(file: ListedFile) -> ListedFile:
        use.add(file)
        run.progress.done += 1
        if file.skipped or matches_any(file.label, options.classes):
            return file
        others.add(file.label)
        return replace(file, skipped=NOT_IN_CLASSES)

    def counted(file: ListedFile) -> ListedFile:
        if file.skipped is None:
            candidates[file.label] += 1
            classes.add(file)
        else:
            skipped[file.skipped] += 1
        return file

    sources = (list_files(source, options.all_files, labels) for source in options.images)
    files: Iterable[ListedFile] = map(selected_or_not, chain.from_iterable(sources))
    if options.require_consent:
        files = with_consent(files, labels)
    write_listing(listing, map(counted, files))
    use.check()
    if not candidates and not options.allow_empty:
        raise ListingError(_nothing_found(options, skipped, sorted(others)))
    selected = quotas(candidates, options.sample, options.sample_per_class)
    if selected != candidates:
        _mark_sample(listing, selected, options.seed)
        skipped[NOT_IN_SAMPLE] = candidates.total() - sum(selected.values())
    count = sum(selected.values())
    counts = {"new": count}
    if previous:
        counts = {"new": 0} | find_reusable(
            run.spark.sparkContext,
            listing,
            previous.at(layout.FEATURES),
            run.extractor.specification.feature_length,
            options,
            labels.without_image(),
            run.today,
            run.folder.at(layout.REUSE),
        )
    image_count = count + counts.get("kept", 0)
    _check_request(run, image_count)
    return ListingResult(
        listed=count + skipped.total(),
        selected=image_count,
        skipped=dict(skipped),
        previous=previous.uri if previous else None,
        shown_shares=shown_shares(candidates, selected, MAX_POINTS),
        warnings=[*use.warnings(), *classes.warnings(options)],
        labels=use.figures(),
        **counts,
    )


def with_consent(files: Iterable[ListedFile], labels: Labels) -> Iterator[ListedFile]:
    """Yield files in order, images without consent as skipped: by their row, else by S3, a request each."""
    place = labels.columns.index(CONSENT) if CONSENT in labels.columns else None

    def judged(file: ListedFile) -> ListedFile:
        if file.skipped or file.error:
            return file
        said = file.labels[place] if file.labels and place is not None else None
        if said is None and is_s3(file.path):
            said = read_metadata(file.path).get(CONSENT)
        return replace(file, skipped=NO_CONSENT) if (said or "").strip().casefold() in NOT_CONSENTED else file

    waiting = iter(files)
    with ThreadPoolExecutor(CONSENTS_ASKED_AT_ONCE) as pool:
        while page := list(islice(waiting, FILES_AT_ONCE)):
            yield from pool.map(judged, page)


class ClassFolders:
    """A few of the folders that hold each class, to find names that may mean more than one class."""

    def __init__(self) -> None:
        self._above = defaultdict[str, set[str]](set)

    def add(self, file: ListedFile) -> None:
        """Note the folder above the class of an image, and above its split."""
        above = file.path.rpartition("/")[0].rpartition("/")[0]
        if file.split:
            above = above.rpartition("/")[0]
        if len(known := self._above[file.label]) < FOLDERS_NOTED:
            known.add(above)

    def warnings(self, options: RunOptions) -> list[str]:
        """Return a sentence for names that merge folders of a source, one for names that differ in case."""
        merged = dict[str, list[str]]()  # folders of one source in which the class lies more than once
        for label, source in product(filter(None, sorted(self._above)), options.images):
            inside = sorted(above for above in self._above[label] if contains(source, above))
            if len(inside) > 1:
                seen = [above.removeprefix(source).strip("/") or "the source itself" for above in inside]
                merged.setdefault(label, seen)
        warnings = []
        if merged and options.labels == FOLDER:
            label, folders = next(iter(merged.items()))
            of = f" (one of {len(merged):,} such names)" if len(merged) > 1 else ""
            warnings.append(
                f"folders of one name are one class, as {label!r} in {', '.join(folders)}{of}: --labels path "
                "keeps them apart, --labels folder:2 takes the folder above"
            )
        twins = defaultdict[str, list[str]](list)
        for label in sorted(self._above):
            twins[label.casefold()].append(label)
        if alike := [", ".join(names) for names in twins.values() if len(names) > 1]:
            more = f"; and {len(alike) - 3:,} more" if len(alike) > 3 else ""
            warnings.append(
                f"names that differ only in case are classes of their own: {'; '.join(alike[:3])}{more}"
            )
        return warnings


class TableUse:
    """What became of a table of labels: its rows without an image, the images without a row."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._images = self._without_row = 0
        self._example = ""

    def add(self, file: ListedFile) -> None:
        if self._labels.is_table and file.skipped is None:
            self._images += 1
            if file.labels is None:
                self._without_row += 1
                self._example = self._example or file.path

    def check(self) -> None:
        """Refuse a table of other images than those of the sources."""
        if 0 < self._images == self._without_row:
            raise ListingError(
                f"--labels {self._labels.rule} has no row for any of {self._images:,} images: it names "
                f"{next(iter(self._labels.rows))!r}, and an image is {self._example!r}: "
                "write each path from the folder that --images names, or in full"
            )

    def warnings(self) -> list[str]:
        """Return what does not fit, if anything: how many in the first line, examples in the second."""
        rows = self._labels.without_image().rows
        parts, examples = [], []
        if rows:
            parts.append(f"rows that name no image of the sources: {len(rows):,}")
            examples.append(repr(next(iter(rows))))
        if self._without_row:
            parts.append(
                f"images without a row, and so without a label: {self._without_row:,} "
                "(--classes '?*' leaves them out)"
            )
            examples.append(self._example)
        named = f"For example {' and '.join(examples)}."
        return [f"--labels {self._labels.rule}: {'; '.join(parts)}.\n{named}"] if parts else []

    def figures(self) -> dict[str, Any] | None:
        labels = self._labels
        if not labels.is_table:
            return None
        return {
            "label": labels.label,
            "columns": list(labels.columns),
            "rows": len(labels.rows),
            "rows_without_image": len(labels.without_image().rows),
            "images_without_row": self._without_row,
        }


def _mark_sample(listing: Folder, selected: dict[str, int], seed: int) -> None:
    """Mark what is not in the sample, by the largest draw of each class that is."""
    sample = Sample[None](selected, seed)
    for file in read_listing(listing):
        if file.skipped is None:
            sample.offer(file.label, file.path, None)
    largest = sample.largest_draws()

    def marked(file: ListedFile) -> ListedFile:
        stays = file.skipped is not None or draw(seed, file.path) <= largest.get(file.label, -1)
        return file if stays else replace(file, skipped=NOT_IN_SAMPLE)

    rewrite_listing(listing, marked)


def _nothing_found(options: RunOptions, skipped: Counter[str], others: list[str]) -> str:
    where = ", ".join(options.images)
    if others and NO_CONSENT not in skipped:
        more = f" and {len(others) - CLASSES_NAMED:,} more" if len(others) > CLASSES_NAMED else ""
        return (
            f"no images of the classes {', '.join(options.classes)} in {where}, which has "
            f"{', '.join(map(repr, others[:CLASSES_NAMED]))}{more}: check --classes"
        )
    seen = ", ".join(f"{count} x {reason}" for reason, count in skipped.most_common(5)) or "no files at all"
    unread = dict.fromkeys(UNREAD_EXTENSIONS[reason] for reason in skipped if reason in UNREAD_EXTENSIONS)
    if unread:
        seen += f"; {' and '.join(unread)} are not read: save or unpack what they hold as JPEG or PNG"
    if NO_CONSENT in skipped:
        seen += (
            "; --require-consent takes only those that `fruit upload --consent` or the table of labels names"
        )
    return (
        f"no images in {where} (found: {seen}); images end in {' '.join(IMAGE_EXTENSIONS)}: check --images"
        f"{' and --classes' if options.classes else ''}, use --all-files to try every file, or --allow-empty "
        "to make an empty archive a success"
    )


def _check_request(run: Run, image_count: int) -> None:
    """Refuse before the features are computed what the reduction would refuse after."""
    length, wanted = run.extractor.specification.feature_length, run.options.request.components
    if run.options.reduction:
        check_reduction(RunFolder(run.options.reduction), run.extractor)
    elif image_count:
        check_size(image_count, length)
        if wanted and wanted > (most := min(image_count - 1, length)):
            raise MisuseError(
                f"--components {wanted} is more than {image_count} images with {length} features allow: "
                f"at most {most}"
            )
