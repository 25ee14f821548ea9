"""A trained classifier as files of its run: what it was trained on, its head, its limits."""

import json
from dataclasses import asdict, dataclass

from spark_job.analyses.classifier.head import Head
from spark_job.analyses.classifier.mllib_files import load_classifier, save_classifier
from spark_job.analyses.classifier.novelty import Novelty
from spark_job.analyses.source_run import SourceRun
from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import normalise
from spark_job.errors import StorageError
from spark_job.extractors.folder import Extractor
from spark_job.storage import Folder

FORMAT = 1
FOLDER = "classifier"
DESCRIPTION = "classifier.json"
NOVELTY = "novelty.npz"


@dataclass(frozen=True)
class Description:
    """`classifier.json`.

    Attributes:
        on: the table it was trained on, `features` or `components`; it takes features in either case.
        classes: their names; the head numbers them so.
        extractor: where the extractor lay that computed the features.
        extractor_fingerprint: of it.
    """

    on: str
    classes: tuple[str, ...]
    feature_length: int
    extractor: str
    extractor_fingerprint: str
    format: int = FORMAT


@dataclass(frozen=True)
class SavedClassifier:
    """Everything that recognising an image needs, but the network."""

    description: Description
    head: Head
    novelty: Novelty

    def save(self, run: Folder, regularization: float) -> None:
        """Write `classifier/` of a run.

        Raises:
            StorageError: it cannot be written.
        """
        folder = run.at(FOLDER)
        save_classifier(folder.at(self.description.on), self.head, regularization)
        folder.write(NOVELTY, self.novelty.to_bytes())
        text = json.dumps(asdict(self.description), indent=2, ensure_ascii=False)
        folder.write(DESCRIPTION, (text + "\n").encode())

    @classmethod
    def of_run(cls, run: SourceRun) -> "SavedClassifier":
        """Read `classifier/` of a run.

        Raises:
            StorageError: a file is missing, or was written by another version.
        """
        folder = run.folder.folder.at(FOLDER)
        text, novelty = folder.read(DESCRIPTION), folder.read(NOVELTY)
        if text is None or novelty is None:
            raise StorageError(f"{folder.uri} is not complete: train again")
        values = json.loads(text)
        if values.get("format") != FORMAT:
            raise StorageError(f"{folder.uri} has format {values.get('format')!r}, not {FORMAT}: train again")
        description = Description(**{**values, "classes": tuple(values["classes"])})
        return cls(description, load_classifier(folder.at(description.on)), Novelty.from_bytes(novelty))

    def open_extractor(self, uri: str | None) -> Extractor:
        """Open the extractor that belongs to the head.

        Args:
            uri: where it lies; None for where it lay when the features were computed.

        Raises:
            ExtractorError: there is none.
            MisuseError: it is another.
        """
        extractor = Extractor.open(Folder(normalise(uri or self.description.extractor)))
        if extractor.specification.fingerprint != self.description.extractor_fingerprint:
            raise MisuseError(
                f"{extractor.folder.uri} is not the extractor whose features this classifier was trained on: "
                "name that one with --extractor"
            )
        return extractor
