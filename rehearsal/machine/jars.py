"""The jars of a real YARN and of Hadoop's S3 file system: fetched once by PySpark's own Ivy, held to pins."""

import hashlib
import ssl
import subprocess
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path

import pyspark
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError
from rehearsal.settings import require_plain
from spark_job.contract.errors import FruitError
from spark_job.contract.java import find_java_home

HERE = Path(__file__).resolve().parent
JARS = ROOT / ".cache" / "rehearsal" / "jars"
PINS = HERE / "jars.sha256"
SPARK_HOME = Path(pyspark.__file__).resolve().parent
DOWNLOAD_SECONDS = 600
PUBLIC = "public"  # the password of a file of public certificates; Java wants one


def fetch_jars(folder: Path = JARS) -> None:
    """Download the jars into a folder, `yarn/` and `s3/` in it, when they are not all there.

    Raises RehearsalError: no network, or a file has another hash than its pin.
    """
    if not _unlike_pins(folder):
        return
    with tempfile.TemporaryDirectory(prefix="rehearsal-jars-") as work:
        _run_ivy(Path(work), folder)
    if wrong := _unlike_pins(folder):
        raise RehearsalError(
            f"{folder}: not the pinned jars: {', '.join(wrong)}. Delete the folder and try again"
        )


def require_jars(folder: Path = JARS) -> None:
    """Raise RehearsalError unless the jars have been fetched."""
    missing = [name for name in _pins() if not (folder / name).is_file()]
    if missing:
        raise RehearsalError(f"{folder} lacks {missing[0]}: run `python -m rehearsal.machine.jars`")


@cache
def installed_java() -> Path:
    """Return this machine's Java.

    Raises FruitError: there is no Java 17, no jars, or the project's folder cannot be used.
    """
    require_plain(ROOT)
    require_jars()
    return Path(find_java_home())


def _pins() -> dict[str, str]:
    return {name: digest for digest, name in map(str.split, PINS.read_text().splitlines())}


def _unlike_pins(folder: Path) -> list[str]:
    """Return the names of jars that are missing or have another hash."""
    return [
        name
        for name, digest in _pins().items()
        if not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def _run_ivy(work: Path, folder: Path) -> None:
    # A Java trust store with what the system trusts; by itself Java looks at its own alone.
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some old authority's certificate has an odd serial number
        certificates = [
            PKCS12Certificate(x509.load_der_x509_certificate(der), str(number).encode())
            for number, der in enumerate(found)
        ]
    trust, encryption = work / "trust.p12", BestAvailableEncryption(PUBLIC.encode())
    trust.write_bytes(pkcs12.serialize_java_truststore(certificates, encryption))
    command = [
        f"{find_java_home()}/bin/java",
        f"-Divy.default.ivy.user.dir={work / 'ivy'}",
        f"-Djavax.net.ssl.trustStore={trust}",
        f"-Djavax.net.ssl.trustStorePassword={PUBLIC}",
        *("-jar", str(next((SPARK_HOME / "jars").glob("ivy-*.jar"))), "-ivy", str(HERE / "ivy.xml"), "-warn"),
        *("-retrieve", f"{folder}/[conf]/[artifact]-[revision].[ext]"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
    if ended.returncode != 0:
        words = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-8:])
        raise RehearsalError(
            f"the jars could not be downloaded from Maven Central; is there a network?\n{words}\n"
            f"Without one, put the files of {PINS.name} into {folder}"
        )


if __name__ == "__main__":
    try:
        fetch_jars()
    except FruitError as error:
        sys.exit(f"Error: {error}")
