"""The run that an analysis writes: folder, metrics, report, manifest; and the answer that it ends with."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import check_run_id
from spark_job.contract.uris import is_s3, normalise
from spark_job.pipeline.run_folder import RunFolder
from spark_job.report.document import Document
from spark_job.report.page import render_document
from spark_job.storage import Folder

Lines = Sequence[tuple[str, str]]  # (label, figures)


@dataclass(frozen=True)
class Summary:
    """What an analysis found, and where it lies."""

    lines: Lines  # for a person; a label that is empty continues the line above
    content: Mapping[str, Any]  # for a program, JSON types

    def and_then(self, advice: str) -> "Summary":
        """Add what a person may do next."""
        return replace(self, lines=[*self.lines, ("next", advice)])

    def as_text(self) -> str:
        """Return the lines, their figures below each other."""
        width = 2 + max(8, *(len(label) for label, _ in self.lines))
        text = "\n".join(f"{label:<{width}}{figures}" for label, figures in self.lines)
        return text.replace("\N{NO-BREAK SPACE}", " ")  # a terminal's reader searches for plain spaces

    def as_json(self) -> str:
        return json.dumps(self.content, indent=2, ensure_ascii=False)


class AnalysisRun:
    """`RESULTS/RUN_ID/` of an analysis."""

    def __init__(
        self,
        kind: str,
        results: str,
        parents: Sequence[SourceRun],
        parameters: Mapping[str, Any],
        run_id: str | None = None,
    ) -> None:
        """Claim the folder of a new run; MisuseError: the id is no name, or something is there."""
        self._started, self._kind, self._parameters = time.monotonic(), kind, parameters
        # Two of a kind may begin within a second.
        self.run_id = run_id or f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        check_run_id(self.run_id)
        self._results = Folder(normalise(results))
        self._parents = [parent.uri for parent in parents]
        self.folder = RunFolder(self._results.child(self.run_id))
        if not self.folder.is_empty():
            raise MisuseError(
                f"{self.folder.uri} is not empty; runs are never overwritten: choose another --run-id"
            )
        begun = {"kind": kind, "parents": self._parents, "parameters": dict(parameters)}
        self.folder.write_json(layout.PARAMETERS, begun)

    def finish(
        self,
        metrics: Mapping[str, Any],
        document: Document,
        findings: Lines = (),
        outputs: Mapping[str, bytes] | None = None,
    ) -> Summary:
        """Write the small files `outputs`, report, metrics, manifest and the index of runs, in this order."""
        folder = self.folder
        for name, content in (outputs or {}).items():
            folder.write(name, content)
        shown = replace(document, parameters=for_people(self._parameters), in_index=not is_s3(folder.uri))
        for name, content in render_document(shown, self._parents).items():
            folder.write(f"{layout.REPORT}/{name}", content)
        seconds = time.monotonic() - self._started
        figures = {**metrics, "seconds": {"total": seconds}}
        folder.complete(
            self._results,
            figures,
            run_id=self.run_id,
            kind=self._kind,
            parents=tuple(self._parents),
            parameters=self._parameters,
            outputs=tuple(sorted({layout.METRICS, *folder.names()} - {layout.PARAMETERS, layout.MANIFEST})),
        )
        places = {"results": folder.uri, "report": folder.child(f"{layout.REPORT}/index.html")}
        return Summary(
            [*findings, ("time", f"{seconds:.1f} s"), *places.items()],
            {"kind": self._kind, "run_id": self.run_id, **places, "metrics": figures},
        )


def for_people(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters as reports show them, without those that were not given."""
    shown: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            shown |= for_people(value)
        elif value not in (None, [], ()):
            words = "yes" if value is True else "no" if value is False else str(value)
            shown[name.replace("_", " ")] = (
                ", ".join(map(str, value)) if isinstance(value, list | tuple) else words
            )
    return shown
