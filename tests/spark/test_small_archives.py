"""Archives with little in them: a result, or an error that says what to do; never NaN."""

import re
from pathlib import Path

import pytest

from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import IMAGE_EXTENSIONS
from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import ListingError, NoVarianceError, ReductionError
from tests.spark import photographs
from tests.spark.runs import RunResults, run, run_options


def test_one_class_of_two_images_is_enough(tiny_extractor, tmp_path):
    """Two points make one component, which holds all of the variance."""
    images = photographs.write_archive(tmp_path / "images", {"only": 2})
    found = run(images, tmp_path / "results", tiny_extractor, request=ComponentRequest(0.8))
    reduction = found.metrics["reduction"]
    assert reduction["components"] == 1
    assert reduction["explained_variance_ratio"] == pytest.approx(1)
    one, other = (row["components_array"][0] for row in found.components)
    assert one == pytest.approx(-other)
    assert abs(one) > 0


@pytest.mark.parametrize(
    ("copies", "words"), [(1, "the 1 usable image has"), (2, "the 2 usable images have")]
)
def test_images_without_variance_are_an_error(copies, words, tiny_extractor, tmp_path):
    """One image, or copies of one: the message says so, and no components are left behind."""
    (tmp_path / "images").mkdir()
    for number in range(copies):
        (tmp_path / "images" / f"{number}.jpg").write_bytes(photographs.encoded(photographs.pixels(1)))
    request = ComponentRequest(0.8)
    with pytest.raises(NoVarianceError) as caught:
        run(tmp_path / "images", tmp_path / "results", tiny_extractor, request=request)
    assert caught.value.exit_code == 1
    assert str(caught.value) == (
        f"{words} no variance: components need at least two images that differ; "
        "add images, or check that they are not copies of one"
    )
    assert not (tmp_path / "results" / "run" / "components.csv").exists()
    assert not (tmp_path / "results" / "run" / "manifest.json").exists()


def test_more_components_than_images_allow_are_refused_before_any_work(tiny_extractor, tmp_path):
    """Five images have at most four; the features are not even begun."""
    images = photographs.write_archive(tmp_path / "images", {"a": 5})
    with pytest.raises(MisuseError) as caught:
        run(images, tmp_path / "results", tiny_extractor, request=ComponentRequest(None, 5))
    assert caught.value.exit_code == 2
    assert str(caught.value) == "--components 5 is more than 5 images with 12 features allow: at most 4"
    assert not (tmp_path / "results" / "run" / "features").exists()


def test_more_components_than_copies_allow_are_an_error(tiny_extractor, tmp_path):
    """Six files, three different pictures: two components are there, and the message says so."""
    images = photographs.write_archive(tmp_path / "images", {"a": 3})
    for path in sorted(images.rglob("*.jpg")):
        (path.parent / f"copy of {path.name}").write_bytes(path.read_bytes())
    with pytest.raises(ReductionError) as caught:
        run(images, tmp_path / "results", tiny_extractor, request=ComponentRequest(None, 4))
    assert str(caught.value) == (
        "--components 4 is more than the data allow: these images have at most 2; "
        "ask for at most 2, or use --variance"
    )


def test_an_empty_folder_is_an_error(tiny_extractor, tmp_path):
    """The message says what was found and what to do."""
    (tmp_path / "images").mkdir()
    with pytest.raises(ListingError) as caught:
        run(tmp_path / "images", tmp_path / "results", tiny_extractor)
    assert str(caught.value) == (
        f"no images in {tmp_path}/images (found: no files at all); images end in "
        f"{' '.join(IMAGE_EXTENSIONS)}: check --images, use --all-files to try every file, or --allow-empty "
        "to make an empty archive a success"
    )


def test_a_folder_of_nothing_but_a_format_that_is_not_read_says_so(tiny_extractor, tmp_path):
    """A card of raw files and films: both are named, with what to do."""
    (tmp_path / "images").mkdir()
    for name in ("1.CR2", "2.cr2", "3.mov", "notes.txt"):
        (tmp_path / "images" / name).touch()
    with pytest.raises(ListingError) as caught:
        run(tmp_path / "images", tmp_path / "results", tiny_extractor)
    assert (
        "(found: 2 x .cr2, 1 x .mov, 1 x .txt; camera raw files and videos are not read: save or unpack what "
        "they hold as JPEG or PNG)"
    ) in str(caught.value)


def test_a_folder_without_images_says_what_it_holds(tiny_extractor, tmp_path):
    """The classes that are there, where none of those asked for is. No run is left."""
    images = photographs.write_archive(tmp_path / "images", {"a": 2})
    (images / "notes.txt").touch()
    with pytest.raises(ListingError) as caught:
        run(images, tmp_path / "results", tiny_extractor, classes=("Banana",))
    assert str(caught.value) == (
        f"no images of the classes Banana in {images}, which has 'a': check --classes"
    )
    assert not any((tmp_path / "results").iterdir())


def test_an_empty_folder_may_be_a_success_with_nothing_to_do(tiny_extractor, tmp_path):
    """With --allow-empty: a manifest, a report, counts of 0, no features and no components."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "notes.txt").touch()
    found = run(tmp_path / "images", tmp_path / "results", tiny_extractor, allow_empty=True)
    assert found.metrics["images"] == {
        "listed": 1, "usable": 0, "rejected": 0, "skipped": 1, "skipped_by_reason": {".txt": 1},
        "damaged": 0, "new": 0, "reused": 0, "removed": 0, "kept": 0,
    }  # fmt: skip
    outputs = found.json("manifest.json")["outputs"]
    assert outputs == ["listing", "metrics.json", "report/index.html"]
    assert all((found.folder / name).exists() for name in outputs)
    assert "nothing to do" in (found.folder / "report" / "index.html").read_text()
    assert "nothing to do: there were no images" in summary_of(found, tmp_path / "images", tiny_extractor)


def summary_of(found: RunResults, images: Path, extractor: Path) -> str:
    """What the command line prints at the end."""
    from spark_job.pipeline.run import summary

    return summary(run_options(images, found.folder.parent, extractor))


def test_a_folder_that_does_not_exist_is_an_error(tiny_extractor, tmp_path):
    """Also with --allow-empty: a name with a slip is no empty archive."""
    with pytest.raises(MisuseError) as caught:
        run(tmp_path / "imagse", tmp_path / "results", tiny_extractor, allow_empty=True)
    assert str(caught.value) == (
        f"{tmp_path}/imagse is not a folder; --images takes a folder or s3://BUCKET/PREFIX"
    )


def test_images_of_which_none_is_usable_are_an_error(tiny_extractor, tmp_path):
    """The message leads to the list of reasons."""
    (tmp_path / "images").mkdir()
    for name, content in photographs.hopeless_files().items():
        (tmp_path / "images" / name).write_bytes(content)
    count = len(photographs.hopeless_files())
    with pytest.raises(ListingError) as caught:
        run(tmp_path / "images", tmp_path / "results", tiny_extractor)
    rejected = tmp_path / "results" / "run" / "rejected.csv"
    first = re.escape(min(photographs.hopeless_files()))
    assert re.fullmatch(
        rf"none of the {count} images could be used, as images/{first}: .+; {rejected} says why of each",
        str(caught.value),
    )
    assert len(re.findall(r"\n", rejected.read_text())) == count + 1


def test_a_file_that_disappears_during_the_run_costs_only_itself(tiny_extractor, tmp_path):
    """Listed, then gone: it keeps its row."""
    from spark_job.pipeline import run as pipeline

    images = photographs.write_archive(tmp_path / "images", {"a": 6})
    real = pipeline.list_stage

    def list_and_remove(*arguments):
        result = real(*arguments)
        (images / "a" / "003.jpg").unlink()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "list_stage", list_and_remove)
        found = run(images, tmp_path / "results", tiny_extractor)
    assert found.rejected == {"003.jpg": "the file disappeared between listing and reading"}
    assert found.metrics["images"]["usable"] == 5
