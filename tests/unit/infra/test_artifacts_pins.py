"""The pins of a node: what applies to its processor and engine, and nothing else."""

from pathlib import Path

import pytest

from infra.artifacts.wheelhouse import NodePlatform, node_pins, pinned
from infra.checkout import ROOT
from infra.errors import InfraError

X86, ARM = NodePlatform.of("x86_64"), NodePlatform.of("arm64")
HASH = "--hash=sha256:" + "0" * 64


def root_with(tmp_path: Path, node: str) -> Path:
    (tmp_path / "requirements-setup.txt").write_text(f"uv==1.0 {HASH}\n")
    (tmp_path / "requirements-node.txt").write_text(node)
    return tmp_path


def names(requirements: str) -> set[str]:
    return {line.split("==")[0] for line in requirements.splitlines() if not line.startswith(" ")}


@pytest.mark.parametrize(("platform", "version"), [(X86, "2"), (ARM, "1")])
def test_markers_are_those_of_the_node_not_of_this_machine(tmp_path, platform, version):
    """An arm64 node gets arm64's pins wherever the wheelhouse is made."""
    lines = [f"a=={n} ; platform_machine {is_} 'aarch64' {HASH}\n" for n, is_ in [("1", "=="), ("2", "!=")]]
    pins = node_pins(root_with(tmp_path, "".join(lines)), "openvino", platform)
    assert pins.requirements == f"a=={version} \\\n    {HASH}\n"


def test_a_pin_of_the_other_processor_changes_nothing(tmp_path):
    """So that arm64's news are no reason for an x86-64 cluster to be replaced."""
    common, other = f"a==1 {HASH}\n", f"b==1 ; platform_machine == 'aarch64' {HASH}\n"
    alone = {each.machine: node_pins(root_with(tmp_path, common), "openvino", each) for each in (X86, ARM)}
    both = {
        each.machine: node_pins(root_with(tmp_path, common + other), "openvino", each) for each in (X86, ARM)
    }
    assert both["x86_64"].sha256 == alone["x86_64"].sha256
    assert both["aarch64"].sha256 != alone["aarch64"].sha256


@pytest.mark.parametrize("platform", [X86, ARM])
def test_a_node_has_its_engine_and_no_other(platform):
    """TensorFlow's packages are on a node only with engine=tensorflow."""
    openvino = names(node_pins(ROOT, "openvino", platform).requirements)
    tensorflow = names(node_pins(ROOT, "tensorflow", platform).requirements)
    assert not {name for name in openvino if "tensorflow" in name or name == "keras"}
    assert {name for name in tensorflow if name.startswith("tensorflow")} == {
        "tensorflow-cpu" if platform is X86 else "tensorflow"
    }
    assert openvino - tensorflow == {"openvino", "openvino-telemetry"}


@pytest.mark.parametrize("platform", [X86, ARM])
def test_both_engines_come_with_the_same_packages(platform):
    """Decoding, resizing and reading do not depend on the engine."""
    versions = [
        {
            line.rstrip(" \\")
            for line in node_pins(ROOT, engine, platform).requirements.splitlines()
            if "==" in line
        }
        for engine in ("openvino", "tensorflow")
    ]
    assert {line for line in versions[0] if not line.startswith("openvino")} <= versions[1]


def test_the_hash_covers_what_is_installed_and_what_installs_it(tmp_path):
    """The install script trusts both lists by this one hash."""
    root = root_with(tmp_path, f"a==1 {HASH}\n")
    before = node_pins(root, "openvino", X86).sha256
    (root / "requirements-setup.txt").write_text(f"uv==2.0 {HASH}\n")
    assert node_pins(root, "openvino", X86).sha256 != before


def test_wheels_may_ask_for_no_newer_glibc_than_the_nodes():
    """Amazon Linux 2023 has glibc 2.34; its wheels' tags go down from there."""
    assert X86.wheel_tags[0] == "manylinux_2_34_x86_64"
    assert "manylinux1_x86_64" in X86.wheel_tags
    assert ARM.wheel_tags[-1] == "manylinux2014_aarch64"
    assert not [tag for tag in X86.wheel_tags + ARM.wheel_tags if tag.startswith(("manylinux_2_35", "any"))]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a==1\n", "requirements-node.txt: a==1 has no hash; `make requirements` pins it anew"),
        (f"a = 1 {HASH}\n", f"requirements-node.txt: 'a = 1 {HASH}' is no pinned requirement"),
    ],
)
def test_a_pin_file_that_is_none_is_refused(tmp_path, line, message):
    """The error names the file and the line."""
    with pytest.raises(InfraError) as error:
        node_pins(root_with(tmp_path, line), "openvino", X86)
    assert str(error.value) == message


def test_a_missing_pin_file_is_named(tmp_path):
    """With the command that makes it."""
    with pytest.raises(
        InfraError, match=r"requirements-node\.txt cannot be read: .*; `make requirements` makes it"
    ):
        node_pins(tmp_path, "openvino", X86)


def test_pins_of_named_packages_are_found_with_their_markers():
    """The extractor's hash names the packages that make it."""
    found = pinned(ROOT / "requirements.txt", frozenset({"tensorflow", "openvino"}))
    assert [name for name in found if len(found[name]) >= 1] == ["openvino", "tensorflow"]
    assert all("==" in each for each in found["tensorflow"])
