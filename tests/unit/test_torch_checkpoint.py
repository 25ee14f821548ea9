"""PyTorch checkpoints, read without PyTorch."""

import io
import os
import pickle
import struct
import sys
import tracemalloc
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_job.errors import ExtractorError
from spark_job.extractors.torch_checkpoint import read_checkpoint

MAGIC = 0x1950A86A20F9469CFC6C
OLD_FORMAT = "is not a PyTorch checkpoint of the old pickle format, or is damaged"


class _Storage:
    """What PyTorch's pickler replaces by a persistent id."""


class _Tensor:
    def __init__(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.arguments = (_Storage(), offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class _Pickler(pickle.Pickler):
    count = 6

    def persistent_id(self, item: object) -> Any:
        if not isinstance(item, _Storage):
            return None
        return "storage", sys.modules["torch"].FloatStorage, "7", "cpu", self.count, None


@pytest.fixture
def fake_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Just enough of PyTorch for pickle to write its names."""
    torch: Any
    utils: Any
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = types.FunctionType((lambda: 0).__code__, {}, "_rebuild_tensor_v2")
    utils._rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def write_checkpoint(path: Path, state: object, numbers: np.ndarray | None = None) -> Path:
    file = io.BytesIO()
    for header in (MAGIC, 1001, {"little_endian": True}):
        pickle.dump(header, file, protocol=2)
    _Pickler(file, protocol=2).dump(state)
    pickle.dump(["7"] if numbers is not None else [], file, protocol=2)
    if numbers is not None:
        file.write(struct.pack("<q", len(numbers)) + numbers.tobytes())
    path.write_bytes(file.getvalue())
    return path


SIX = np.arange(6, dtype=np.float32)


@pytest.mark.usefixtures("fake_torch")
def test_tensors_come_back_with_their_strides_and_offsets(tmp_path: Path) -> None:
    """A transposed tensor, a part of a storage and a scalar are what PyTorch saved."""
    state = OrderedDict(a=_Tensor(0, (2, 3), (1, 2)), b=_Tensor(4, (2,), (1,)), c=_Tensor(5, (), ()))
    tensors = read_checkpoint(write_checkpoint(tmp_path / "w.pth", state, SIX))
    np.testing.assert_array_equal(tensors["a"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(tensors["b"], [4, 5])
    assert tensors["c"] == 5
    assert all(tensor.flags.c_contiguous for tensor in tensors.values())


class _Hostile:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def test_a_hostile_checkpoint_is_refused_and_nothing_is_run(tmp_path: Path) -> None:
    """A pickle that calls os.system names it in the error and leaves no trace."""
    witness = tmp_path / "was-run"
    path = write_checkpoint(tmp_path / "w.pth", {"a": _Hostile(f"touch {witness}")})
    with pytest.raises(ExtractorError) as caught:
        read_checkpoint(path)
    assert str(caught.value) == (
        f"the checkpoint names {os.system.__module__}.system, which no weights need: refused, nothing was run"
    )
    assert not witness.exists()


def test_a_hostile_header_is_refused_too(tmp_path: Path) -> None:
    """The first pickle of the file is read as carefully as the fourth."""
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps(_Hostile(f"touch {tmp_path / 'was-run'}"), protocol=2))
    with pytest.raises(ExtractorError, match="refused, nothing was run"):
        read_checkpoint(path)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.usefixtures("fake_torch")
@pytest.mark.parametrize(
    "tensor",
    [
        _Tensor(0, (7,), (1,)),
        _Tensor(1, (6,), (1,)),
        _Tensor(0, (2, 2), (1, 9)),
        _Tensor(0, (2,), (-1,)),
        _Tensor(-1, (2,), (1,)),
    ],
    ids=["too long", "too far", "strides", "negative stride", "negative offset"],
)
def test_a_tensor_never_reads_beyond_its_storage(tensor: _Tensor, tmp_path: Path) -> None:
    """Wrong shapes and strides are an error, not foreign memory."""
    path = write_checkpoint(tmp_path / "w.pth", {"a": tensor}, SIX)
    with pytest.raises(ExtractorError, match=OLD_FORMAT):
        read_checkpoint(path)


GREEDY_PICKLES = {
    "a long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**33) + b"x.",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**33) + b"x.",
    "a long array": b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"x.",
    "a long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**33) + b"K\x01.",
    "an object of a high number": b"\x80\x02K\x01r" + struct.pack("<I", 2**28) + b".",
}


def read_in_little_memory(path: Path) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ExtractorError, match=OLD_FORMAT):
            read_checkpoint(path)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000 + 4 * path.stat().st_size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", GREEDY_PICKLES.values(), ids=GREEDY_PICKLES)
def test_a_short_file_takes_little_memory_whatever_lengths_it_names(content: bytes, tmp_path: Path) -> None:
    """Some 20 bytes that ask for 2 to 8 GiB."""
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    read_in_little_memory(path)


@pytest.mark.usefixtures("fake_torch")
@pytest.mark.parametrize(
    "state",
    [
        {"a": _Tensor(0, (50_000, 50_000), (0, 0))},
        {"a": _Tensor(0, (5_000_000_000, 1), (0, 1))},
        {str(number): _Tensor(0, (300, 200), (1, 300)) for number in range(2_000)},
    ],
    ids=["one number again and again", "one row again and again", "one storage again and again"],
)
def test_tensors_take_no_more_memory_than_their_file(state: dict[str, _Tensor], tmp_path: Path) -> None:
    """A stride of 0 repeats numbers without end; so do many tensors of one storage."""
    numbers = np.zeros(6 if "1" not in state else 60_000, np.float32)
    read_in_little_memory(write_checkpoint(tmp_path / "w.pth", state, numbers))


@pytest.mark.usefixtures("fake_torch")
def test_a_storage_that_names_more_numbers_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    """Its count is 8 bytes of the file."""
    path = tmp_path / "w.pth"
    content = write_checkpoint(path, {"a": _Tensor(0, (6,), (1,))}, SIX).read_bytes()
    for count in (7, 2**32, 2**63 - 1, 2**64 - 1):
        path.write_bytes(content[:-32] + struct.pack("<Q", count) + content[-24:])
        read_in_little_memory(path)


@pytest.mark.usefixtures("fake_torch")
def test_any_truncation_is_an_error(tmp_path: Path) -> None:
    """A file that ends too early never gives tensors."""
    path = write_checkpoint(tmp_path / "w.pth", {"a": _Tensor(0, (6,), (1,))}, SIX)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ExtractorError, match=OLD_FORMAT):
            read_checkpoint(path)


def test_a_checkpoint_of_the_newer_zip_format_is_refused(tmp_path: Path) -> None:
    """It names the file and the format that is read."""
    path = tmp_path / "new.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(ExtractorError) as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith(f"{path} {OLD_FORMAT}")


def test_a_missing_checkpoint_is_an_error(tmp_path: Path) -> None:
    """It names the file."""
    with pytest.raises(ExtractorError) as caught:
        read_checkpoint(tmp_path / "none.pth")
    assert str(caught.value) == f"{tmp_path / 'none.pth'} cannot be read: No such file or directory"
