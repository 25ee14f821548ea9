"""Names and URIs: whatever a person or a camera called a file, it keeps its name."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import (
    ALWAYS_SKIPPED,
    IMAGE_EXTENSIONS,
    SPLIT_NAMES,
    check_labels,
    extension_of,
    label_and_split,
    skip_reason,
)
from spark_job.contract.run_options import RunOptions
from spark_job.contract.uris import child, contains, is_s3, normalise, root_and_key
from spark_job.images.listing import ListedFile
from spark_job.images.sampling import matches_any
from spark_job.pipeline.listing_stage import ClassFolders

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
    root, key = root_and_key(whole)
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


@pytest.mark.parametrize("folder", ["found.000", "FOUND.012", "Bilder.photoslibrary", "@eaDir", "lost+found"])
def test_folders_of_a_system_or_a_library_are_no_classes(folder):
    """Even with --all-files; a file of such a name is one as any other."""
    assert skip_reason(f"a/{folder}/b/1.jpg", all_files=True) == "in a system folder"
    assert skip_reason(f"a/{folder}", all_files=True) is None
    assert skip_reason(f"a/{folder}s/1.jpg", all_files=False) is None


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
    """However deep, and as written but for the form of its accents."""
    expected = unicodedata.normalize("NFC", label)
    assert label_and_split("/data/photos", f"{above}/{label}/{name}")[0] == expected
    assert label_and_split("s3://bucket", f"{label}/{name}")[0] == expected
    assert label_and_split("/data/photos", name) == ("", "")


@given(st.sampled_from(SPLIT_NAMES), st.sampled_from([str.lower, str.upper, str.title]), visible)
def test_the_split_is_the_folder_above_the_class(name, spell, label):
    """Training, TEST or validation, as written; the source's own name counts."""
    split, label = spell(name), unicodedata.normalize("NFC", label)
    assert label_and_split("/data/photos", f"{split}/{label}/x.jpg") == (label, split)
    assert label_and_split(f"/data/{split}", f"{label}/x.jpg") == (label, split)
    assert label_and_split(f"/data/{split}", "x.jpg") == ("", split)
    assert label_and_split("/data/photos", f"{label}/x.jpg") == (label, "")


@pytest.mark.parametrize(
    ("rule", "path", "label", "split"),
    [
        ("folder", "test/1.jpg", "", "test"),
        ("folder", "train/a/1.jpg", "a", "train"),
        ("folder", "a/test/1.jpg", "test", ""),
        ("folder:2", "train/apple/monday/1.jpg", "apple", "train"),
        ("folder:2", "apple/1.jpg", "", ""),
        ("folder:3", "bottle/train/good/1.jpg", "bottle", "train"),
        ("path", "Training/apple/red/1.jpg", "apple/red", "Training"),
        ("path", "apple/red/1.jpg", "apple/red", ""),
        ("path", "bottle/train/good/1.jpg", "bottle/good", "train"),
        ("path", "bottle/test/good/1.jpg", "bottle/good", "test"),
        ("path", "toys/train/1.jpg", "toys/train", ""),
        ("none", "bottle/train/good/1.jpg", "", "train"),
        ("path", "1.jpg", "", ""),
        ("none", "Test/apple/1.jpg", "", "Test"),
        ("none", "apple/1.jpg", "", ""),
    ],
)
def test_a_rule_says_where_the_class_comes_from(rule, path, label, split):
    """The folder that holds the image, one above it, all of them, or none."""
    assert label_and_split("/data/photos", path, rule) == (label, split)


def test_names_in_both_forms_of_unicode_are_one_class():
    """macOS writes accents apart, other systems do not; the file keeps its name."""
    apart, together = (unicodedata.normalize(form, "pêche") for form in ("NFD", "NFC"))
    assert label_and_split("/data", f"{apart}/1.jpg") == label_and_split("/data", f"{together}/1.jpg")


@pytest.mark.parametrize("rule", ["folders", "folder:0", "folder:", "folder:x", "PATH", ""])
def test_what_is_no_rule_is_refused(rule):
    """The message says what there is."""
    with pytest.raises(MisuseError, match="give folder, folder:N, path or none"):
        check_labels(rule)


@pytest.mark.parametrize("label", ["Apple [red]", "a,b", 'the "best"', "what?", "a*", "[!x]"])
def test_every_name_can_be_selected(label):
    """With commas, brackets and quotes, through the words that a run is started with."""
    option = RunOptions.option("classes")
    (word,) = option.words((label,))
    assert option.read(word.removeprefix("--classes=")) == (label,)
    assert matches_any(label, (label,))


def test_class_patterns_match_in_any_case():
    """`Apple*,Banana` takes apples of every kind and bananas, and no pineapple."""
    labels = ["Apple Red 1", "apple golden", "BANANA", "Banana Lady Finger", "Pineapple"]
    found = [label for label in labels if matches_any(label, ("Apple*", "Banana"))]
    assert found == ["Apple Red 1", "apple golden", "BANANA"]
    assert all(matches_any(label, ()) for label in labels)


def warnings_about(paths, rule="folder"):
    """What a run over /data says of the classes of these images."""
    options = RunOptions.checked(images=("/data",), results="/r", extractor="/e", run_id="x", labels=rule)
    classes = ClassFolders()
    for path in paths:
        label, split = label_and_split("/data", path, rule)
        classes.add(ListedFile(f"/data/{path}", label, split))
    return classes.warnings(options)


def test_a_name_in_several_folders_is_told_with_what_keeps_them_apart():
    """`good` of bottles and of cables would be one class; the splits of one class are no such thing."""
    good = [f"{product}/train/good/1.jpg" for product in ("bottle", "cable")]
    (warning,) = warnings_about([*good, "cable/train/bad/1.jpg"])
    assert warning == (
        "folders of one name are one class, as 'good' in bottle, cable: --labels path keeps them apart, "
        "--labels folder:2 takes the folder above"
    )
    (both,) = warnings_about([*good, *(path.replace("good", "bad") for path in good)])
    assert "as 'bad' in bottle, cable (one of 2 such names): " in both
    assert warnings_about(["Training/apple/1.jpg", "Test/apple/1.jpg", "Training/pear/1.jpg"]) == []
    assert warnings_about(good, "path") == []


def test_names_that_differ_in_case_are_told():
    """They stay two classes: nobody but a person knows."""
    assert warnings_about(["Apple/1.jpg", "apple/1.jpg", "Pear/1.jpg"]) == [
        "names that differ only in case are classes of their own: Apple, apple"
    ]
