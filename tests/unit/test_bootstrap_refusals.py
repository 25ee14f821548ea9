"""What the install script of a node refuses, and the reason it gives."""

import re

import pytest

from tests.unit.small_node import fresh_node, make_installer, reason, rewrite
from tests.unit.small_wheels import make_wheel, small_wheelhouse


@pytest.fixture
def node(tmp_path, tiny_extractor):
    return fresh_node(tmp_path, tiny_extractor)


def test_a_damaged_download_is_refused(node):
    """One flipped byte of a wheel: the zip's checksum tells."""
    content = bytearray((node.bucket / "wheelhouse.zip").read_bytes())
    content[content.index(b"apple.py") + 20] ^= 1
    (node.bucket / "wheelhouse.zip").write_bytes(content)
    assert re.match(r"fetch the wheelhouse: .*Bad CRC-32", reason(node.install()))


def test_a_corrupted_wheel_is_refused(node):
    """Also when it was corrupted before it was packed."""
    rewrite(
        node.bucket / "wheelhouse.zip", "wheels/apple-1.0-py3-none-any.whl", lambda wheel: wheel[:-1] + b"?"
    )
    assert re.match(r"check the wheelhouse: wheels/apple-1\.0.*: FAILED", reason(node.install()))
    assert not (node.home / "installed").exists()


def test_a_wheel_that_someone_replaced_is_refused(node, tmp_path):
    """With checksums that fit it: the pins do not."""
    evil = make_wheel(tmp_path / "evil", "apple")
    rewrite(node.bucket / "wheelhouse.zip", "wheels/apple-1.0-py3-none-any.whl", lambda _: evil.read_bytes())
    rewrite(node.bucket / "wheelhouse.zip", "SHA256SUMS", lambda sums: sums.splitlines(True)[0])
    assert re.match(r"install the packages: .*Hash mismatch for `apple==1\.0`", reason(node.install()))


def test_pins_that_someone_replaced_are_refused(node):
    """Their hash is in the template of the stack, not in the bucket."""
    rewrite(node.bucket / "wheelhouse.zip", "requirements.txt", lambda pins: pins + b"\n")
    rewrite(node.bucket / "wheelhouse.zip", "SHA256SUMS", lambda sums: sums.splitlines(True)[0])
    assert re.match(
        r"check the pins: the wheelhouse's pins have the hash [0-9a-f]{64}, the deployment's are "
        + node.pins_sha256,
        reason(node.install()),
    )


def test_an_installer_that_someone_replaced_never_runs(node):
    """It is checked before it is started."""
    ran = node.folder / "ran"
    rewrite(
        node.bucket / "installer.zip",
        "uv-1.0.data/scripts/uv",
        lambda _: f"#!/bin/sh\ntouch {ran}\n".encode(),
    )
    assert re.search(r"installer\.zip has the hash [0-9a-f]{64}, which is not pinned", reason(node.install()))
    assert not ran.exists()


@pytest.mark.parametrize("name", ["installer", "wheelhouse", "extractor"])
def test_a_missing_object_is_named(node, name):
    """With what the AWS command line said of it."""
    (node.bucket / f"{name}.zip").unlink()
    said = reason(node.install())
    assert said.startswith(f"fetch the {name}: ")
    assert f"(404): s3://bucket/{name}.zip" in said
    assert not (node.home / "installed").exists()


def test_a_package_that_this_system_cannot_import_fails_now(node, tmp_path):
    """Not in the middle of a run."""
    broken = make_wheel(tmp_path / "index", "broken")
    rewrite(broken, "broken.py", lambda _: b"raise ImportError('GLIBC_2.99 not found')\n")
    pins = small_wheelhouse(node.bucket / "wheelhouse.zip", [broken], make_installer(node.bucket))
    done = node.install(*node.arguments(**{"pins-sha256": pins.sha256}))
    assert re.match(r"import the packages: .*GLIBC_2\.99 not found", reason(done))


def test_a_node_without_python_is_told(node):
    """The release of EMR decides which Pythons there are."""
    node.environment["FRUIT_FEATURES_PYTHON"] = "python3.99"
    assert reason(node.install()) == "python3.99 is not on this node: EMR 7 has Python 3.11"


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--wheelhouse=/tmp/wheelhouse.zip", "--wheelhouse=/tmp/wheelhouse.zip: expected --installer"),
        ("--pins-sha256=abc", "--pins-sha256=abc: expected 64 hex digits"),
        ("--wheels=s3://bucket/a", "--wheels=s3://bucket/a: expected --installer"),
    ],
)
def test_an_argument_that_is_not_understood_is_named(node, argument, said):
    """Before anything is done."""
    assert reason(node.install(*node.arguments(), argument)).startswith(said)
    assert not node.home.exists()


def test_no_arguments_are_refused(node):
    """The step that forgot them learns which."""
    done = node.install("--pins-sha256=" + "0" * 64)
    assert reason(done) == "--installer, --wheelhouse and --extractor are needed"
