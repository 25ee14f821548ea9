"""An extractor folder as a run reads it, on this machine or in S3."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from spark_job.contract.extractor_files import SPECIFICATION
from spark_job.errors import ExtractorError
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.storage import Folder


@dataclass(frozen=True)
class Extractor:
    """An extractor whose specification was read; its files are fetched when asked for."""

    folder: Folder
    specification: ExtractorSpecification

    @classmethod
    def open(cls, folder: Folder) -> "Extractor":
        """Read a folder's `extractor.json`; ExtractorError: there is none, or it cannot be read."""
        text = folder.read(SPECIFICATION)
        if text is None:
            advice = f"make one with `fruit extractor build MODEL --out {folder.uri}`"
            below = (folder.at(name) for name in sorted(folder.folder_names()))
            if made := next((one for one in below if one.read(SPECIFICATION) is not None), None):
                advice = f"did you mean {made.uri}?"
            raise ExtractorError(f"{folder.uri} is no extractor: it has no {SPECIFICATION}; {advice}")
        return cls(folder, ExtractorSpecification.from_json(text, folder.child(SPECIFICATION)))

    def fetch(self, name: str, into: Path) -> Path:
        """Return a local copy of one file, checked, under a name that its content alone decides.

        Raises:
            ExtractorError: the file is missing or is not the one that `extractor.json` names.
        """
        expected = (self.specification.files or {}).get(name)
        content = self.folder.read(name)
        if content is None or expected is None:
            raise ExtractorError(f"{self.folder.uri} has no {name}: build the extractor again")
        if hashlib.sha256(content).hexdigest() != expected:
            raise ExtractorError(f"{self.folder.child(name)} is damaged (sha256 differs): build it again")
        target = into / f"{expected[:16]}-{name}"
        target.write_bytes(content)
        return target
