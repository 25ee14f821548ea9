"""What a name says: whether the file is an image, its class and its split."""

import re
import unicodedata
from collections.abc import Sequence

from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import last_name

_EXTENSIONS = "jpg jpeg jpe jfif mpo png gif webp tif tiff bmp dib heic heif hif avif jp2 j2k jpx jxl"
IMAGE_EXTENSIONS = tuple(f".{name}" for name in _EXTENSIONS.split())
# What people keep beside photographs, or instead of them; `images/formats/names.py` knows the contents.
_UNREAD = {
    "camera raw files": "cr2 cr3 nef arw dng orf rw2 raf pef srw x3f",
    "Photoshop documents": "psd psb",
    "drawings": "svg ai eps",
    "PDF documents": "pdf",
    "videos": "mp4 mov m4v avi mkv webm mpg",
    "archives": "zip tar gz tgz 7z rar",
}
UNREAD_EXTENSIONS = {f".{name}": kind for kind, names in _UNREAD.items() for name in names.split()}
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
# What a repair of Windows found, and libraries of Apple's and Adobe's programs: copies and previews.
SYSTEM_FOLDER = re.compile(r"found\.\d{3}|.*\.(photoslibrary|photolibrary|aplibrary|lrdata)")
FOLDER, PATH, NO_LABELS = "folder", "path", "none"  # where the class of an image comes from
LABELS = re.compile(r"folder(:[1-9]\d?)?|path|none")
TABLE_EXTENSIONS = (".csv", ".tsv", ".parquet")
FOLDER_MARKER = "folder marker"
HIDDEN = "hidden file"
LABEL_TABLE = "table of labels"
SYSTEM_FILE, IN_SYSTEM_FOLDER = "system file", "in a system folder"
ALWAYS_SKIPPED = (FOLDER_MARKER, HIDDEN, SYSTEM_FILE, IN_SYSTEM_FOLDER)


def skip_reason(relative_path: str, all_files: bool) -> str | None:
    """Return why a file is no candidate: ALWAYS_SKIPPED, or its extension in lower case; None: it is one."""
    parts = relative_path.split("/")
    name = parts[-1]
    if not name:
        return FOLDER_MARKER
    if any(part.startswith(".") and part not in (".", "..") for part in parts):
        return HIDDEN
    if name.lower() in SYSTEM_FILES:
        return SYSTEM_FILE
    above = [part.lower() for part in parts[:-1]]
    if any(folder in SYSTEM_FOLDERS or SYSTEM_FOLDER.fullmatch(folder) for folder in above):
        return IN_SYSTEM_FOLDER
    extension = extension_of(name)
    if all_files or extension in IMAGE_EXTENSIONS:
        return None
    return extension or "no extension"


def extension_of(name: str) -> str:
    """Return the extension in lower case, as `.jpg` of `a.b.JPG`; empty without one."""
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if dot and stem else ""


def is_table(labels: str) -> bool:
    """Return whether `--labels` names a table, and no rule over folders."""
    return extension_of(labels) in TABLE_EXTENSIONS


def check_labels(labels: str) -> None:
    """Raise MisuseError for what is neither a rule of labels nor a table."""
    if not LABELS.fullmatch(labels) and not is_table(labels):
        raise MisuseError(
            f"--labels {labels}: give folder, folder:N, path or none, or a table, a file that ends in "
            f"{' or '.join(TABLE_EXTENSIONS)}"
        )


def label_and_split(source: str, relative_path: str, rule: str = FOLDER) -> tuple[str, str]:
    """Return the class and the split of an image, the class in Unicode's form NFC; each empty without one.

    The rule is `folder` (that holds the image), `folder:N` (the Nth, counted from the image), `path` (all
    below the source, without the first named like a split) or `none`. The split is the folder above the
    class, the source's own included, or one below it, as it is written, when it is named like one
    (`SPLIT_NAMES`, any case). Images directly in a folder that is named like a split have no class.
    """
    folders: Sequence[str] = [last_name(source), *relative_path.split("/")[:-1]]
    if rule in (PATH, NO_LABELS):
        source_name, *below = folders
        # The last folder is a class, whatever its name, unless it is the only one.
        place = next((at for at, name in enumerate(below[:-1] or below) if _is_split(name)), None)
        split = below.pop(place) if place is not None else source_name if _is_split(source_name) else ""
        return unicodedata.normalize("NFC", "/".join(below) if rule == PATH else ""), split
    place = len(folders) - int(rule.partition(":")[2] or 1)
    if place < 1 or (place == 1 and _is_split(folders[1]) and len(folders) == 2):
        return "", folders[-1] if _is_split(folders[-1]) else ""
    around = [folders[place - 1], *folders[place + 1 :]]
    split = next((folder for folder in around if _is_split(folder)), "")
    return unicodedata.normalize("NFC", folders[place]), split


def _is_split(folder: str) -> bool:
    return folder.lower() in SPLIT_NAMES
