"""The jars of a real YARN and of Hadoop's S3 file system: fetched once from Maven Central, held to pins."""

import hashlib
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyspark

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError

JARS = ROOT / ".cache" / "rehearsal" / "jars"
# A line each: SHA-256, the folder `yarn` or `s3`, and the path in the repository. What PySpark carries is not
# among them, nor is the AWS SDK's bundle of 280 MB.
PINS = Path(__file__).with_name("jars.sha256")
REPOSITORY = "https://repo1.maven.org/maven2/"
SPARK_HOME = Path(pyspark.__file__).resolve().parent
SECONDS = 60.0
AT_ONCE = 4


class JarsError(RehearsalError):
    """The jars cannot be had, or are not the pinned ones."""


@dataclass(frozen=True)
class Jar:
    """One pinned jar."""

    sha256: str
    room: str
    path: str

    @property
    def name(self) -> str:
        """Where it lies below the folder of the jars."""
        return f"{self.room}/{Path(self.path).name}"

    def fits(self, folder: Path) -> bool:
        """Return whether the folder holds this very jar."""
        file = folder / self.name
        return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == self.sha256


def pinned_jars() -> list[Jar]:
    """Return every jar that is needed."""
    return [Jar(*line.split()) for line in PINS.read_text().splitlines()]


def fetch_jars(folder: Path = JARS, repository: str = REPOSITORY) -> Path:
    """Return the folder of the jars, `yarn/` and `s3/` in it; download those that are not there.

    Raises:
        JarsError: no network, or a file has another hash than its pin.
    """
    missing = [jar for jar in pinned_jars() if not jar.fits(folder)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda jar: _download(jar, folder, repository), missing))
    if wrong := [jar.name for jar in missing if not jar.fits(folder)]:
        raise JarsError(f"{folder}: not the pinned jars: {', '.join(wrong)}. Delete the folder and try again")
    return folder


def require_jars(folder: Path = JARS) -> Path:
    """Return the folder of jars that have been fetched before.

    Raises:
        JarsError: they are not there.
    """
    for jar in pinned_jars():
        if not (folder / jar.name).is_file():
            raise JarsError(f"{folder} lacks {jar.name}: run `make rehearsal-ready`")
    return folder


def _download(jar: Jar, folder: Path, repository: str) -> None:
    target = folder / jar.name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(repository + jar.path, timeout=SECONDS) as answer:  # noqa: S310 - https
            target.write_bytes(answer.read())
    except (urllib.error.URLError, OSError) as error:
        raise JarsError(
            f"{repository}{jar.path} could not be downloaded: {error}; is there a network? "
            f"Without one, put the files of {PINS.name} into {folder}"
        ) from error


def main() -> int:
    """Fetch the jars; exit code 1 and a message when they cannot be had."""
    try:
        fetch_jars()
    except JarsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
