"""The folder of a run: what lies where, which stages are complete, whether the run is; the index of runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spark_job import __version__
from spark_job.contract.errors import MisuseError
from spark_job.contract.manifest import Manifest, RunFigures, read_json, with_accuracies, write_json
from spark_job.contract.run_layout import COST, MANIFEST, METRICS, PARAMETERS, PROGRESS, STAGES
from spark_job.contract.uris import last_name
from spark_job.provenance import code_hash, package_versions
from spark_job.report.page import render_index
from spark_job.storage import Folder, side_by_side

INDEX = "index.html"


@dataclass(frozen=True)
class RunFolder(Folder):
    """The folder `RESULTS/RUN_ID/` of a run."""

    def read_json(self, name: str) -> Any:
        content = self.read(name)
        return None if content is None else read_json(content)

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, write_json(value))

    def read_manifest(self) -> Manifest | None:
        """Return the manifest; None: the run is not complete, or the folder is none of a run."""
        try:
            return Manifest.from_json(self.read_json(MANIFEST) or {})
        except (ValueError, TypeError, AttributeError):  # something else is called manifest.json
            return None

    def read_metrics(self) -> dict[str, Any]:
        """Return the figures of the run; empty: there are none, or something else is called so."""
        try:
            metrics = self.read_json(METRICS)
        except ValueError:
            return {}
        return metrics if isinstance(metrics, dict) else {}

    def complete(self, results: Folder, metrics: Mapping[str, Any], **facts: Any) -> Manifest:
        """Write the metrics, the manifest, which makes the run complete, and the index of the results."""
        self.write_json(METRICS, metrics)
        manifest = Manifest(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            code={"version": __version__, "sha256": code_hash()},
            versions=package_versions(),
            **facts,
        )
        self.write_json(MANIFEST, manifest.to_json())
        write_index(results)
        return manifest

    def stage(self, name: str) -> dict[str, Any] | None:
        """Return what a complete stage left for those after it; None: it is not complete."""
        result: dict[str, Any] | None = self.read_json(f"{STAGES}/{name}.json")
        return result

    def complete_stage(self, name: str, result: dict[str, Any]) -> None:
        self.write_json(f"{STAGES}/{name}.json", result)

    def open(self, fingerprint: str, parameters: dict[str, object], resume: bool) -> Manifest | None:
        """Begin or resume the run; return its manifest if it is complete; MisuseError: it is another."""
        manifest = self.read_manifest()
        started = self.read_json(PARAMETERS)
        if started is None and manifest is None:
            # The account may have said what the run costs before its driver begins.
            if not self.is_empty() and self.names() != [COST]:
                raise MisuseError(
                    f"{self.uri} is not empty and holds no run: choose another --run-id or --results"
                )
            self.write_json(PARAMETERS, {"fingerprint": fingerprint, "parameters": parameters})
            return None
        state = "a complete run" if manifest else "an unfinished run"
        if not resume:
            hint = "" if manifest else "add --resume to go on with it, or "
            raise MisuseError(
                f"{self.uri} holds {state}, which is never overwritten: {hint}choose another --run-id"
            )
        if (started or {}).get("fingerprint") != fingerprint:
            before, now = (started or {}).get("parameters", {}), json.loads(json.dumps(parameters))
            differing = [name for name in now if before.get(name) != now[name]]
            changed = "; ".join(f"{name}: {before.get(name)!r}, now {now[name]!r}" for name in differing)
            changed = changed or "another extractor under the same name, or another version of this job"
            raise MisuseError(
                f"{self.uri} holds {state} with other parameters ({changed}): choose another --run-id"
            )
        return manifest


def complete_runs(results: Folder) -> list[tuple[RunFolder, Manifest]]:
    """Return every complete run in a results folder, by name; their manifests are read side by side."""
    runs = [RunFolder(results.child(run_id)) for run_id in sorted(results.folder_names())]
    manifests = side_by_side(RunFolder.read_manifest, runs)
    return [(run, manifest) for run, manifest in zip(runs, manifests, strict=True) if manifest]


def newest_unfinished(results: Folder) -> str | None:
    """Return the id of the run that moved last of those that are not complete; None: all are."""

    def moved(run: RunFolder) -> tuple[str, str]:
        progress = None if run.read_manifest() else run.read_json(PROGRESS)
        return (str(progress.get("written")), last_name(run.uri)) if progress else ("", "")

    runs = [RunFolder(results.child(run_id)) for run_id in results.folder_names()]
    return max(side_by_side(moved, runs), default=("", ""))[1] or None


def write_index(results: Folder) -> None:
    """Write `RESULTS/index.html` anew from the manifests that are there, the latest run first."""
    runs = sorted(complete_runs(results), key=lambda run: run[1].created, reverse=True)
    metrics = side_by_side(lambda run: run[0].read_metrics(), runs)
    figures = {
        last_name(folder.uri): RunFigures.of(manifest, content)
        for (folder, manifest), content in zip(runs, metrics, strict=True)
    }
    results.write(INDEX, render_index(with_accuracies(figures)))
