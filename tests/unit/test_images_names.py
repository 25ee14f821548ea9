"""Names and URIs: whatever a person or a camera called a file, it keeps its name."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import (
    ALWAYS_SKIPPED,
    IMAGE_EXTENSIONS,
    SPLIT_NAMES,
    extension_of,
    label_and_split,
    skip_reason,
)
from spark_job.contract.uris import child, contains, is_s3, normalise, split_uri
from spark_job.images.sampling import matches_any

# One part of a path, as strange as a file system allows.
parts = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda part: part not in (".", ".."))
visible = parts.filter(lambda part: not part.startswith("."))
paths = st.lists(parts, min_size=1, max_size=5).map("/".join)
buckets = st.text(string.ascii_lowercase + string.digits + "-.", min_size=3, max_size=20)
extensions = st.sampled_from(IMAGE_EXTENSIONS)


@given(paths)
def test_a_local_path_survives_normalising(path):
    """An absolute path without needless slashes stays as it is, with its %, #, + and accents."""
    assert normalise("/" + path) == "/" + path


@given(paths)
def test_normalising_twice_changes_nothing(path):
    """What is normalised is normal."""
    once = normalise("/" + path + "//")
    assert normalise(once) == once
    assert not once.endswith("/")


@given(buckets, paths)
def test_an_s3_uri_survives_normalising(bucket, path):
    """s3a:// and slashes at the end are the same place as s3:// without."""
    expected = f"s3://{bucket}/{path.strip('/')}".rstrip("/")
    for uri in (f"s3://{bucket}/{path}", f"s3a://{bucket}/{path}", f"s3://{bucket}/{path}/"):
        assert normalise(uri) == expected


@given(st.one_of(buckets.map("s3://{}".format), paths.map("/{}".format)), parts)
def test_a_child_splits_into_store_and_key_and_back(uri, name):
    """Nothing is quoted or lost on the way from URI to key."""
    whole = child(uri, name)
    root, key = split_uri(whole)
    assert key.endswith(name)
    assert (f"{root}/{key}" if is_s3(uri) else f"/{key}") == whole


@given(paths, parts)
def test_a_folder_contains_its_children_and_not_its_namesakes(path, name):
    """`/photos` contains `/photos/new`, not `/photos-new`."""
    folder = normalise("/" + path)
    assert contains(folder, folder)
    assert contains(folder, child(folder, name))
    assert not contains(child(folder, name), folder)
    assert not contains(folder, folder + "-new")
    assert contains("/", folder)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://", "'s3://' names no bucket; write s3://BUCKET/PREFIX"),
        ("https://x/y", "'https://x/y': only local folders, file:// and s3:// are read and written"),
        ("", "an empty path names no folder"),
        ("p\udceaches", "p\\xeaches: the name is not valid UTF-8: rename the folder"),
    ],
)
def test_a_uri_of_no_use_is_refused(uri, message):
    """The message says what is allowed."""
    with pytest.raises(MisuseError) as caught:
        normalise(uri)
    assert str(caught.value) == message


@given(visible, extensions)
def test_every_spelling_of_an_image_extension_is_a_candidate(stem, extension):
    """.JPG, .Jpg and .jpg alike."""
    for spelling in (extension, extension.upper(), extension.title()):
        assert skip_reason(f"class/{stem}{spelling}", all_files=False) is None


@given(paths)
def test_a_hidden_part_hides_all_below(path):
    """`.git/x.jpg` and `a/.cache/x.jpg` are not photographs, even with --all-files."""
    assert skip_reason(f"a/.cache/{path}", all_files=True) == "hidden file"


@given(paths)
def test_every_file_is_a_candidate_or_has_a_reason(path):
    """With --all-files only hidden files, system files and folder markers are left out."""
    strict, loose = (skip_reason(path, all_files=flag) for flag in (False, True))
    assert strict is None or strict
    assert loose is None or loose in ALWAYS_SKIPPED
    if strict is None:
        assert loose is None
        assert extension_of(path.rpartition("/")[2]) in IMAGE_EXTENSIONS


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.b.JPG", ".jpg"), ("photo", ""), (".jpg", ""), ("photo.", "."), ("été.Tiff", ".tiff")],
)
def test_the_extension_is_what_follows_the_last_point(name, extension):
    """A name that is only an extension has none."""
    assert extension_of(name) == extension


@given(visible, visible, visible)
def test_the_label_is_the_folder_of_the_image(above, label, name):
    """However deep, and exactly as written."""
    assert label_and_split("/data/photos", f"{above}/{label}/{name}")[0] == label
    assert label_and_split("s3://bucket", f"{label}/{name}")[0] == label
    assert label_and_split("/data/photos", name) == ("", "")


@given(st.sampled_from(SPLIT_NAMES), st.sampled_from([str.lower, str.upper, str.title]), visible)
def test_the_split_is_the_folder_above_the_class(name, spell, label):
    """Training, TEST or validation, as written; the source's own name counts."""
    split = spell(name)
    assert label_and_split("/data/photos", f"{split}/{label}/x.jpg") == (label, split)
    assert label_and_split(f"/data/{split}", f"{label}/x.jpg") == (label, split)
    assert label_and_split(f"/data/{split}", "x.jpg") == ("", split)
    assert label_and_split("/data/photos", f"{label}/x.jpg") == (label, "")


def test_class_patterns_match_in_any_case():
    """`Apple*,Banana` takes apples of every kind and bananas, and no pineapple."""
    labels = ["Apple Red 1", "apple golden", "BANANA", "Banana Lady Finger", "Pineapple"]
    found = [label for label in labels if matches_any(label, ("Apple*", "Banana"))]
    assert found == ["Apple Red 1", "apple golden", "BANANA"]
    assert all(matches_any(label, ()) for label in labels)
