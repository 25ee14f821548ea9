"""What a name says: whether the file is an image, its class and its split."""

from collections.abc import Sequence

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp")
SPLIT_NAMES = ("training", "train", "test", "testing", "validation", "valid", "val")
SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")
# Previews, bins and snapshots of Synology, QNAP, Windows, macOS, Linux and Python, in lower case.
SYSTEM_FOLDERS = frozenset(
    (
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@sharebin"),
        *("$recycle.bin", "recycler", "recycled", "system volume information"),
        *("__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder"),
        *("lost+found", "__pycache__"),
    )
)
FOLDER_MARKER = "folder marker"
HIDDEN = "hidden file"
SYSTEM_FILE, IN_SYSTEM_FOLDER = "system file", "in a system folder"
ALWAYS_SKIPPED = (FOLDER_MARKER, HIDDEN, SYSTEM_FILE, IN_SYSTEM_FOLDER)


def skip_reason(relative_path: str, all_files: bool) -> str | None:
    """Return why a file is no candidate, or None when it is one.

    Args:
        relative_path: below the source, with `/` between its parts.
        all_files: try every file that is neither hidden nor of the system, whatever its extension.

    Returns:
        One of `ALWAYS_SKIPPED`, or the extension in lower case (`.txt`, `no extension`).
    """
    parts = relative_path.split("/")
    name = parts[-1]
    if not name:
        return FOLDER_MARKER
    if any(part.startswith(".") and part not in (".", "..") for part in parts):
        return HIDDEN
    if name.lower() in SYSTEM_FILES:
        return SYSTEM_FILE
    if any(part.lower() in SYSTEM_FOLDERS for part in parts[:-1]):
        return IN_SYSTEM_FOLDER
    extension = extension_of(name)
    if all_files or extension in IMAGE_EXTENSIONS:
        return None
    return extension or "no extension"


def extension_of(name: str) -> str:
    """Return the extension in lower case, as `.jpg` of `a.b.JPG`; empty without one."""
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if dot and stem else ""


def label_and_split(source: str, relative_path: str) -> tuple[str, str]:
    """Return the class and the split of an image.

    The class is the folder the image lies in, below the source; an image directly in the source has
    none (empty). The split is the folder above the class, the source's own name included, when it is
    named like one (`SPLIT_NAMES`, any case), as it is written; else empty.
    """
    folders: Sequence[str] = [source.rstrip("/").rpartition("/")[2], *relative_path.split("/")[:-1]]
    label = folders[-1] if len(folders) > 1 else ""
    above = folders[-2] if len(folders) > 1 else folders[-1]
    return label, above if above.lower() in SPLIT_NAMES else ""
