"""Tables of labels: what people write, what becomes of it, and what is refused in one line."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import LABEL_TABLE
from spark_job.contract.run_options import RunOptions
from spark_job.errors import ListingError
from spark_job.images.labels import Labels
from spark_job.images.listing import list_files
from spark_job.pipeline.listing_stage import RESERVED, TableUse

TABLE = "path,variety,ripeness,split\n1.jpg,Gala,2,Test\nb/2.jpg,Fuji,,\n"


def write(folder, content, name="labels.csv") -> str:
    """The URI of a table."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def parquet(**columns) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (TABLE, "labels.csv"),
        (TABLE.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig"), "labels.CSV"),
        (TABLE.replace(",", "\t"), "labels.tsv"),
        (TABLE.replace("1.jpg", "./1.jpg").replace("b/2", r"b\2").replace("path", " Path"), "labels.csv"),
        (TABLE.replace("1.jpg", "s3a://bucket/photos/1.jpg"), "labels.csv"),
        ("sep=;\r\n" + TABLE.replace(",", ";"), "by excel.csv"),
        (",path,variety,ripeness,split\n0,1.jpg,Gala,2,Test\n1,b/2.jpg,Fuji,,\n", "by pandas.csv"),
        (
            parquet(
                path=["1.jpg", "b/2.jpg"],
                variety=pa.array(["Gala", "Fuji"]).dictionary_encode(),
                ripeness=[2, None],
                split=["Test", None],
                __index_level_0__=[0, 1],
            ),
            "labels.parquet",
        ),
    ],
)
def test_a_table_says_class_split_and_the_other_labels(tmp_path, content, name):
    """As spreadsheets, pandas and Spark write it; the first label column is the class."""
    labels = Labels.of(write(tmp_path, content, name))
    assert (labels.label, labels.columns) == ("variety", ("variety", "ripeness"))
    photos = "s3://bucket/photos"
    assert labels.of_image(photos, "1.jpg") == ("Gala", "Test", ("Gala", "2"))
    assert labels.of_image(photos, "Training/3.jpg") == ("", "Training", None)
    assert list(labels.without_image().rows) == ["b/2.jpg"]
    assert labels.of_image(photos, "b/2.jpg") == ("Fuji", "", ("Fuji", None))


def test_a_column_that_is_called_label_is_the_class(tmp_path):
    """Wherever it stands; origin is no class unless asked for; another column is, when it is named."""
    table = write(tmp_path, "contributor,path,kind,label\nme,1.jpg,a,b\n")
    assert Labels.of(table).of_image("/data", "1.jpg") == ("b", "", ("me", "a"))
    assert Labels.of(table, "kind").of_image("/data", "1.jpg")[0] == "a"
    assert Labels.of(write(tmp_path, "source,path,kind\nme,1.jpg,a\n")).label == "kind"


def test_accents_match_in_both_forms_of_unicode(tmp_path):
    """macOS writes names apart, a spreadsheet together; a full path goes before one from the source."""
    table = write(tmp_path, "path,label\np\u00eache/1.jpg,p\u00eache\n/data/a/2.jpg,full\n2.jpg,short\n")
    labels = Labels.of(table)
    assert labels.of_image("/data", "pe\u0302che/1.jpg")[0] == "p\u00eache"
    assert labels.of_image("/data/a", "2.jpg")[0] == "full"


@pytest.mark.parametrize(
    "path", ["././a/1 b.jpg", ".//a/./1 b.jpg", "file:///data/a/1%20b.jpg", "file://localhost/data/a/1 b.jpg"]
)
def test_ways_to_write_a_path_name_one_image(tmp_path, path):
    """As `find` and browsers write it; a row of blanks is no row."""
    table = write(tmp_path, f"path,label\n{path},here\n  \n , \n")
    assert Labels.of(table).of_image("/data", "a/1 b.jpg")[0] == "here"


def test_a_number_that_is_missing_is_no_label(tmp_path):
    """Pandas writes NaN for it."""
    table = write(tmp_path, parquet(path=["1.jpg", "2.jpg"], grade=[float("nan"), 2.0]), "labels.parquet")
    assert [Labels.of(table).of_image("/data", name)[0] for name in ("1.jpg", "2.jpg")] == ["", "2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "file,label\n1.jpg,a\n",
            "has no column path, only file, label: add one with the path of each image",
        ),
        ("", "has no column path, only nothing"),
        ("path,label\n1.jpg,a\n,b\n", "a row has no path, with the label 'b': write it"),
        ("path,label\n", "has no rows: write one for each image"),
        ("path,split,source\n1.jpg,a,b\n", "has no label column, only path, split, source: add one"),
        (
            "path,label\n1.jpg,a\n./1.jpg,b\n",
            r"1 rows name an image that a row before them names, as '1\.jpg'",
        ),
        ("path,kind,kind\n1.jpg,a,b\n", "has two columns kind and kind: rename one"),
        ("path,kind,Kind\n1.jpg,a,b\n", "has two columns kind and Kind: rename one"),
        ("path,label\n1.jpg,a\n2, late.jpg,b\n", "row 3 has not as many cells as the header, 2: put a cell"),
        ("path,kind,Size\n1.jpg,a,b\n", "features/ has a column Size of its own: rename the table's"),
        ("path,label\np\u00eache.jpg,a\n".encode("latin-1"), "is not UTF-8: save it as CSV in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, content, message):
    """In one line that says what to do."""
    table = write(tmp_path, content)
    with pytest.raises(MisuseError, match=message) as caught:
        Labels.of(table, reserved=RESERVED)
    assert str(caught.value).startswith(f"--labels {table}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    """It is missing, or not what its name says."""
    with pytest.raises(MisuseError, match="there is no such file"):
        Labels.of(str(tmp_path / "labels.csv"))
    with pytest.raises(MisuseError, match="cannot be read: "):
        Labels.of(write(tmp_path, "path,label", "labels.parquet"))
    columns = pa.Table.from_arrays([pa.array(["1.jpg"])] * 3, ["path", "kind", "kind"])
    pq.write_table(columns, tmp_path / "twice.parquet")
    with pytest.raises(MisuseError, match="has two columns kind and kind: rename one"):
        Labels.of(str(tmp_path / "twice.parquet"))


def used(folder, table) -> TableUse:
    """The use of a table by the files of a folder."""
    labels = Labels.of(table)
    use = TableUse(labels)
    for file in list_files(str(folder), all_files=True, labels=labels):
        use.add(file)
    return use


def test_what_does_not_fit_is_counted_and_told(tmp_path):
    """The table itself is no image, even when every file is tried."""
    for name in ("1.jpg", "3.jpg"):
        (tmp_path / name).touch()
    table = write(tmp_path, TABLE)
    use = used(tmp_path, table)
    use.check()
    assert use.figures() == {
        "label": "variety",
        "columns": ["variety", "ripeness"],
        "rows": 2,
        "rows_without_image": 1,
        "images_without_row": 1,
    }
    assert use.warnings() == [
        f"--labels {table}: rows that name no image of the sources: 1; images without a row, "
        f"and so without a label: 1 (--classes '?*' leaves them out).\n"
        f"For example 'b/2.jpg' and {tmp_path}/3.jpg."
    ]
    files = {file.path: file.skipped for file in list_files(str(tmp_path), True, Labels(table))}
    assert files[table] == LABEL_TABLE


def test_a_table_of_other_images_ends_the_run(tmp_path):
    """A path of the table, and where those of the images are, show why they do not meet."""
    (tmp_path / "1.jpg").touch()
    with pytest.raises(
        ListingError,
        match=r"of 1 images: it names 'photos/1\.jpg', and an image is '.*1\.jpg'",
    ):
        used(tmp_path, write(tmp_path, "path,label\nphotos/1.jpg,a\n")).check()


def test_the_place_of_a_table_is_written_in_full():
    """A run may be resumed from another folder."""
    options = RunOptions.checked(images=("a",), results="r", extractor="e", run_id="x", labels="t.csv")
    assert options.labels.startswith("/")
    assert f"--labels={options.labels}" in options.arguments()
