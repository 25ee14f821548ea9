"""The job as spark-submit takes it: the package `spark_job` in a zip file, without compiled bytecode."""

from pathlib import Path

from infra.artifacts.file_hashes import sha256_of
from infra.artifacts.reproducible_zip import files_below, write_zip

PACKAGE = "spark_job"
ENTRY_POINT = "spark_job/main.py"


def job_files(root: Path) -> dict[str, Path]:
    """Return the files of the job, by their names in the zip, such as `spark_job/main.py`."""
    return {
        f"{PACKAGE}/{name}": file
        for name, file in files_below(root / PACKAGE).items()
        if file.suffix != ".pyc"
        and not any(part.startswith((".", "__pycache__")) for part in name.split("/"))
    }


def job_inputs(root: Path) -> dict[str, str]:
    """Return what the job zip is made of: the hash of each file, by its name in the zip."""
    return {name: sha256_of(file) for name, file in job_files(root).items()}


def build_job(root: Path, path: Path) -> None:
    """Write the job zip."""
    write_zip(path, job_files(root))
