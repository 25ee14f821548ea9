"""Names of the files of a run (docs/results-folder.md), and what of an image each holds (docs/privacy.md)."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

MANIFEST = "manifest.json"
METRICS = "metrics.json"
PARAMETERS = "run.json"
PROGRESS = "progress.json"
COST = "cost.json"
STAGES = "stages"
LISTING = "listing"
REUSE = "reuse"
FEATURES = "features"
REJECTED = "rejected.csv"
MODEL = "reduction/model"
FIT = "reduction/fit.json"
COMPONENTS = "reduction/components"
COMPONENTS_CSV = "components.csv"
REPORT = "report"
PROJECTOR_VECTORS = "components.tsv"
PROJECTOR_NAMES = "metadata.tsv"

CLASSIFIER = "classifier"
PREDICTIONS = "predictions"
PREDICTIONS_CSV = "predictions.csv"
CLUSTERS = "clusters"
CLUSTERS_CSV = "clusters.csv"
CENTRES_CSV = "centres.csv"
FINDINGS = "findings"
QUALITY_CSV = "quality.csv"
TUNING = "tune.json"


@dataclass(frozen=True)
class PersonalData:
    """What some files of a run, or of an analysis, hold of an image."""

    files: tuple[str, ...]  # a folder ends with a slash
    holds: str
    command: str = "run"

    def tells_of(self, name: str) -> bool:
        return any(fnmatchcase(name, f"{file}*" if file.endswith("/") else file) for file in self.files)


PERSONAL_DATA = (
    PersonalData(
        (f"{LISTING}/",), "path, size, ETag of every file of the sources, also of those that were not tried"
    ),
    PersonalData((f"{REUSE}/",), "the same, of new and of reused images"),
    PersonalData(
        (f"{FEATURES}/",),
        "path, the feature vector, and measures of the pixels (brightness, entropy, two hashes). A vector "
        "shows no face or text, but belongs to an image. Of the images that the report may show, a "
        "**small picture** (`prod`: none)",
    ),
    PersonalData((REJECTED,), "paths with the reason why an image could not be used"),
    PersonalData(
        (f"{MODEL}/", FIT), "no single image: means, deviations and components of all images together"
    ),
    PersonalData((f"{COMPONENTS}/", COMPONENTS_CSV), "paths with the reduced vectors"),
    PersonalData(
        (f"{REPORT}/index.html", f"{REPORT}/*.png"),
        "paths, and **small pictures** of some images (`prod`: none)",
    ),
    PersonalData(
        (f"{REPORT}/{PROJECTOR_VECTORS}", f"{REPORT}/{PROJECTOR_NAMES}"),
        "reduced vectors and paths, for the Embedding Projector",
    ),
    PersonalData(
        (PARAMETERS, f"{STAGES}/", PROGRESS, COST, METRICS, MANIFEST),
        "no single image: the sources' addresses, parameters, counts, names of classes; `predict` of one "
        "photograph names it",
    ),
    PersonalData((f"{CLASSIFIER}/",), "no single image: the weights; the names of the classes", "train"),
    PersonalData(
        (f"{PREDICTIONS}/", PREDICTIONS_CSV),
        "paths with the class that was recognised; its report has small pictures",
        "predict",
    ),
    PersonalData(
        (f"{CLUSTERS}/", CLUSTERS_CSV, CENTRES_CSV),
        "paths with the number of the group; its report has small pictures",
        "group",
    ),
    PersonalData(
        (f"{FINDINGS}/", QUALITY_CSV), "paths with what was found; its report has small pictures", "check"
    ),
    PersonalData((TUNING,), "no single image: times, of how many images", "tune"),
)
