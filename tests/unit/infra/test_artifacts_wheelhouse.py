"""The wheelhouse: pinned wheels for the node's processor, complete, and not too large."""

import hashlib
from zipfile import ZipFile

import pytest

from infra.artifacts.wheelhouse import NodePins, NodePlatform, build_installer, download_wheels
from infra.errors import InfraError
from tests.unit.small_wheels import make_wheel, pin, small_wheelhouse

X86, ARM = NodePlatform.of("x86_64"), NodePlatform.of("arm64")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels that stands for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.mark.command
def test_wheels_are_those_of_the_nodes_processor(index, tmp_path):
    """Whatever this machine is: arm64 wheels for arm64, x86-64 wheels for x86-64, of the same pin."""
    tags = {"x86_64": "cp311-cp311-manylinux_2_28_x86_64", "aarch64": "cp311-cp311-manylinux_2_31_aarch64"}
    wheels = {machine: make_wheel(index, "apple", tag=tag) for machine, tag in tags.items()}
    pins = f"{pin(wheels['x86_64']).strip()} {pin(wheels['aarch64']).split()[1]}\n"
    for platform in (X86, ARM):
        folder = tmp_path / platform.machine
        download_wheels(pins, platform, folder)
        assert [path.name for path in folder.iterdir()] == [wheels[platform.machine].name]


@pytest.mark.command
def test_a_wheel_for_a_newer_system_is_not_taken(index, tmp_path):
    """glibc 2.35 is not on Amazon Linux 2023; the node would fail to import it."""
    wheel = make_wheel(index, "apple", tag="cp311-cp311-manylinux_2_35_x86_64")
    with pytest.raises(InfraError, match=r"the wheels cannot be downloaded: .*apple==1\.0"):
        download_wheels(pin(wheel), X86, tmp_path / "wheels")


@pytest.mark.command
def test_a_wheel_without_a_pinned_hash_is_refused(index, tmp_path):
    """Another file under the same name does not come in."""
    wheel = make_wheel(index, "apple")
    pins = pin(wheel)
    make_wheel(index, "apple", needs=["pear"])
    with pytest.raises(
        InfraError, match="the wheels cannot be downloaded: THESE PACKAGES DO NOT MATCH THE HASH"
    ):
        download_wheels(pins, X86, tmp_path / "wheels")


def test_a_wheelhouse_holds_wheels_pins_imports_and_checksums(tmp_path):
    """All that the install script reads, and the same bytes each time."""
    wheels = [make_wheel(tmp_path, "apple", needs=["pear"]), make_wheel(tmp_path, "pear")]
    pins = small_wheelhouse(tmp_path / "a.zip", wheels, "uv==1.0\n")
    small_wheelhouse(tmp_path / "b.zip", wheels, "uv==1.0\n")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with ZipFile(tmp_path / "a.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    lines = [line.split("  ") for line in contents.pop("SHA256SUMS").decode().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert set(contents) == {
        "imports.txt",
        "installer.txt",
        "requirements.txt",
        *(f"wheels/{wheel.name}" for wheel in wheels),
    }
    assert contents["imports.txt"] == b"apple\npear\n"
    both = contents["installer.txt"] + contents["requirements.txt"]
    assert hashlib.sha256(both).hexdigest() == pins.sha256


def test_a_missing_dependency_is_found_before_the_node_finds_it(tmp_path):
    """The build resolves as the node will."""
    wheels = [make_wheel(tmp_path, "apple", needs=["pear"])]
    with pytest.raises(InfraError, match=r"the pins of the node are incomplete: .*pear"):
        small_wheelhouse(tmp_path / "a.zip", wheels)
    assert not (tmp_path / "a.zip").exists()


def test_a_wheelhouse_that_is_too_large_is_refused(tmp_path):
    """Every node that joins waits for it."""
    wheels = [make_wheel(tmp_path, "apple")]
    with pytest.raises(InfraError, match=r"the wheelhouse has 0\.0 MB, 0\.0 MB are allowed: pin fewer"):
        small_wheelhouse(tmp_path / "a.zip", wheels, max_bytes=100)


def test_the_installer_is_uvs_wheel_untouched(tmp_path, monkeypatch):
    """So that its hash is the pinned one."""
    wheel = make_wheel(tmp_path / "index", "uv")

    def copy(pins, _platform, folder):
        assert pins == pin(wheel)
        (folder / wheel.name).write_bytes(wheel.read_bytes())

    monkeypatch.setattr("infra.artifacts.wheelhouse.download_wheels", copy)
    build_installer(tmp_path / "dist/uv.zip", NodePins("", pin(wheel)), X86)
    assert (tmp_path / "dist/uv.zip").read_bytes() == wheel.read_bytes()
