"""What a run was computed with: the job's own code, and the packages that decide the results."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

PACKAGES = (
    *("numpy", "pyarrow", "openvino", "tensorflow", "opencv-python-headless", "pillow", "simplejpeg"),
    *("pyvips-binary", "pi-heif", "imagecodecs", "obstore"),
)


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that decide the results, of those that are installed."""
    import pyspark  # a third of a second, which the build of an extractor does without

    # On a cluster pyspark comes with Spark, without metadata; a node has one engine.
    return {"pyspark": pyspark.__version__, **installed_versions(PACKAGES)}


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of these packages that are installed under this name."""
    versions = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def code_hash() -> str:
    """Return the sha256 of the package's own files, the same from a checkout and from the packaged job."""
    contents: dict[str, bytes] = {}
    pending = [("", files("spark_job"))]
    while pending:
        path, folder = pending.pop()
        for entry in folder.iterdir():
            name = f"{path}/{entry.name}"
            if entry.is_dir() and entry.name != "__pycache__":
                pending.append((name, entry))
            elif entry.is_file() and not entry.name.endswith(".pyc"):
                contents[name] = entry.read_bytes()
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
