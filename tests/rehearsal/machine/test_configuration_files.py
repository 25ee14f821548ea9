"""Classifications become the files that Hadoop and Spark read."""

from xml.etree import ElementTree

from rehearsal.machine.node_setup import (
    exports,
    recorded_only,
    write_hadoop_files,
    write_spark_files,
)


def test_each_classification_goes_to_its_file(tmp_path):
    """Special characters included."""
    write_hadoop_files(tmp_path, {"core-site": {"a": "<1> & 2"}, "mapred-site": {}})
    found = ElementTree.parse(tmp_path / "core-site.xml").getroot()
    assert [(each.findtext("name"), each.findtext("value")) for each in found] == [("a", "<1> & 2")]
    assert (tmp_path / "capacity-scheduler.xml").is_file()


def test_spark_defaults_are_java_properties(tmp_path):
    """What would end a key or a line is escaped."""
    write_spark_files(tmp_path, {"spark-defaults": {"spark.a": "x=1 \\ y", "k:1": " lead\nline"}})
    assert (tmp_path / "spark-defaults.conf").read_text() == ("spark.a=x=1 \\\\ y\nk\\:1=\\ lead\\nline\n")


def test_environment_classifications_are_exported():
    """Of Spark and of Hadoop."""
    assert exports({"spark-env": {"A": "1"}, "yarn-env": {"B": "2"}, "core-site": {"c": "3"}}) == {
        "A": "1",
        "B": "2",
    }


def test_what_no_program_reads_is_told():
    """Rather than passed over."""
    assert recorded_only({"emrfs-site": {}, "yarn-site": {}, "spark": {}}) == ["emrfs-site", "spark"]
