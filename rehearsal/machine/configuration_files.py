"""EMR's classifications as the files that Hadoop and Spark read."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from rehearsal.rewriting import Configurations

XML_FILES = ("core-site", "hdfs-site", "yarn-site", "mapred-site", "capacity-scheduler")
# Their properties are environment variables: of Spark, or of Hadoop's daemons.
EXPORTS = ("spark-env", "hadoop-env", "yarn-env")
SPARK_FILES = {"spark-defaults": "spark-defaults.conf", "spark-log4j2": "log4j2.properties"}
# Figures by JMX are as old as this at most, in seconds; Hadoop's own default is 10.
METRICS = "*.period=1\n"
APPLIED = {*XML_FILES, *EXPORTS, *SPARK_FILES}


def recorded_only(requested: Configurations) -> list[str]:
    """Return the classifications that no program of the rehearsal reads."""
    return sorted(name for name in requested if name not in APPLIED)


def write_hadoop_files(folder: Path, given: Configurations) -> None:
    """Write every XML file; one that nobody asked for is empty."""
    for name in XML_FILES:
        root = ElementTree.Element("configuration")
        for key, value in given.get(name, {}).items():
            entry = ElementTree.SubElement(root, "property")
            ElementTree.SubElement(entry, "name").text = key
            ElementTree.SubElement(entry, "value").text = value
        ElementTree.ElementTree(root).write(folder / f"{name}.xml", encoding="utf-8", xml_declaration=True)
    (folder / "hadoop-metrics2.properties").write_text(METRICS)


def write_spark_files(folder: Path, given: Configurations) -> None:
    """Write `spark-defaults.conf`, and `log4j2.properties` when it is asked for."""
    for name, file in SPARK_FILES.items():
        if name in given:
            (folder / file).write_text(_java_properties(given[name]), encoding="utf-8")


def exports(given: Configurations) -> dict[str, str]:
    """Return the environment variables that the classifications export."""
    return {key: value for name in EXPORTS for key, value in given.get(name, {}).items()}


def _java_properties(properties: Mapping[str, str]) -> str:
    """Return lines for java.util.Properties: a backslash, a line's end and a key's separators are escaped."""
    return "".join(f"{_escaped(key, ' =:#!')}={_escaped(value, '')}\n" for key, value in properties.items())


def _escaped(text: str, separators: str) -> str:
    for character in "\\" + separators:
        text = text.replace(character, "\\" + character)
    text = text.replace("\n", "\\n")
    return "\\" + text if text.startswith(" ") else text
