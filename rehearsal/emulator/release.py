"""The release of MiniStack whose internals this package knows."""

from importlib.metadata import PackageNotFoundError, version

from rehearsal.errors import RehearsalError

KNOWN_RELEASE = "1.5.33"


def check_release() -> None:
    """Refuse to start with any other.

    Raises:
        RehearsalError: another release is installed, or none.
    """
    try:
        installed = version("ministack")
    except PackageNotFoundError as error:
        raise RehearsalError("the emulator is not installed: `make setup` installs it") from error
    if installed != KNOWN_RELEASE:
        raise RehearsalError(
            f"ministack {installed} is installed, the rehearsal extends {KNOWN_RELEASE}: `make setup` "
            "installs it; for another, run tests/rehearsal/emulator and change rehearsal/emulator/release.py"
        )
