"""What somebody can do who has taken a decoder over: nothing but answer."""

import ctypes
import errno
import os
import pickle
import platform
import re
import resource
import socket
import struct
import subprocess
import threading
from ast import literal_eval
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images import border, preparation
from spark_job.images.isolation import ENVIRONMENT, Isolated, Order
from tests.fuzz.answers import SPECIFICATION
from tests.spark.photographs import encoded, pixels

pytestmark = pytest.mark.skipif(not border.has_filters(), reason="the kernel has no seccomp filters")
LANDLOCK = pytest.mark.skipif(bool(border.lacking()), reason=border.lacking() or "-")
SAID = np.dtype([("text", "S300")])
_libc = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()  # in the decoder, which imports this before it goes behind the border

# Numbers of system calls on x86-64 and aarch64, of linux/unistd.h; aarch64 forks by `clone` alone.
_NUMBERS = """
fork 57 220, vfork 58 220, clone 56 220, execve 59 221, execveat 322 281, kill 62 129, tgkill 234 131,
rt_sigqueueinfo 129 138, pidfd_open 434 434, ptrace 101 117, process_vm_readv 310 270, process_vm_writev
311 271, socket 41 198, socketpair 53 199, connect 42 203, io_uring_setup 425 425, fcntl 72 25, ioctl 16
29, prctl 157 167, prlimit64 302 261, bpf 321 280, mount 165 40, unshare 272 97, unlinkat 263 35, mkdirat
258 34, memfd_create 319 279, ftruncate 77 46, open_by_handle_at 304 265
"""
FORBIDDEN = {
    name: (int(x86_64), int(aarch64))
    for name, x86_64, aarch64 in (one.split() for one in _NUMBERS.replace("\n", " ").split(","))
}


def call(name: str, *arguments: object) -> str:
    result = _libc.syscall(FORBIDDEN[name][platform.machine() == "aarch64"], *arguments)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else f"it returned {result}"


def read(path: str | Path) -> str:
    return repr(Path(path).read_bytes()[:100])


def thread() -> str:
    said: list[str] = []
    other = threading.Thread(target=said.append, args=["a thread ran"])
    other.start()
    other.join()
    return said[0]


ATTEMPTS: dict[str, Callable[[], object]] = {
    **{name: partial(call, name, *[0] * 6) for name in FORBIDDEN},
    "kill of the parent": lambda: call("kill", PARENT, 0),
    "a signal by way of the pipe's owner": lambda: call("fcntl", 0, 8, PARENT),
    "environ": lambda: sorted(os.environ),
    "own environ": lambda: read("/proc/self/environ"),
    "parent's environ": lambda: read(f"/proc/{PARENT}/environ"),
    "init's environ": lambda: read("/proc/1/environ"),
    "parent's memory": lambda: read(f"/proc/{PARENT}/mem"),
    "socket of Python": socket.socket,
    "fork of Python": os.fork,
    "exec of Python": lambda: subprocess.run(["/bin/true"], check=False),
    "writing": lambda: Path("/tmp/written-by-a-decoder").write_text("x"),
    "listing": lambda: list(Path("/tmp").iterdir()),
    "more files": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)),
    "a library": lambda: read(os.__file__),
    "thread": thread,
    "descriptors": lambda: [number for number in range(64) if is_open(number)],
}


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def attempt(order: Order, slot: np.void) -> None:
    """Does what whoever took the decoder over would do; notes how it went."""
    what = order.content.decode()
    try:
        slot["text"] = str(read(what) if what.startswith("/") else ATTEMPTS[what]()).encode()
    except OSError as error:
        slot["text"] = errno.errorcode[error.errno or 0].encode()


def outcome_of(*attempts: str) -> list[str]:
    found = []
    for _, slot in Isolated(attempt, SAID, 10).map((what, Order(what.encode())) for what in attempts):
        assert not isinstance(slot, ImageRejectedError), slot
        found.append(slot["text"].decode())
    return found


def test_no_process_socket_signal_or_change_can_be_made():
    """By number, as foreign code would; also what reaches the same by other ways."""
    names = [*FORBIDDEN, "kill of the parent", "a signal by way of the pipe's owner"]
    assert dict(zip(names, outcome_of(*names), strict=True)) == dict.fromkeys(names, "EPERM")


def test_python_cannot_connect_fork_or_run_a_program():
    """As its own code would."""
    assert outcome_of("socket of Python", "fork of Python", "exec of Python") == ["EPERM"] * 3


def test_credentials_are_not_in_the_environment(monkeypatch):
    """It is empty but for the number of threads, and what libraries set themselves."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (environ,) = outcome_of("environ")
    assert set(literal_eval(environ)) <= {"LC_CTYPE", "LD_LIBRARY_PATH", *ENVIRONMENT}


@LANDLOCK
def test_no_file_can_be_read_but_libraries(tmp_path):
    """Neither the environment of processes nor what lies in folders of work; nothing can be written."""
    secret = tmp_path / "credentials"
    secret.write_text("secret")
    places = ["own environ", "parent's environ", "init's environ", "parent's memory", "listing", "writing"]
    files = [str(secret), "/etc/passwd", str(Path(__file__)), "/proc/self/maps"]
    found = outcome_of(*places, *files)
    assert dict(zip([*places, *files], found, strict=True)) == dict.fromkeys([*places, *files], "EACCES")


@pytest.mark.parametrize(
    ("name", "answer", "sentence"),
    [
        ("_landlock_version", -1, "this kernel has no Landlock: .* read files of this user"),
        ("has_filters", False, "this system has no seccomp filters: .* can do what this user can"),
    ],
)
def test_what_the_machine_lacks_is_a_sentence(name, answer, sentence, monkeypatch):
    """For the first lines of a run."""
    monkeypatch.setattr(border, name, lambda: answer)
    assert re.fullmatch(sentence, border.lacking())


def test_libraries_and_threads_work():
    """What decoders need."""
    library, ran = outcome_of("a library", "thread")
    assert library.startswith("b'")
    assert ran == "a thread ran"


@pytest.mark.parametrize("size", [(40, 30), (700, 500)])
def test_every_format_is_decoded_as_it_is_outside(size):
    """Nothing that a decoder needs, now or for a larger picture, is missing behind the border."""
    kinds = ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"]
    images = [(kind, Order(encoded(pixels(3, *size), kind), thumbnail=True)) for kind in kinds]
    outside = np.zeros((), preparation.layout_for(SPECIFICATION))
    for (_, order), (kind, prepared, tensor) in zip(
        images, preparation.prepared_images(images, SPECIFICATION, ImageLimits()), strict=True
    ):
        preparation.prepare_image(order, outside, specification=SPECIFICATION, limits=ImageLimits())
        assert prepared.error is None, kind
        assert prepared.thumbnail == outside["facts"]["thumbnail"], kind
        np.testing.assert_array_equal(tensor, outside["tensor"])


def test_the_worker_s_files_and_sockets_are_not_open():
    """Open are the pipe of contents, the null device twice, the pipe of answers and the shared memory."""
    with socket.create_server(("127.0.0.1", 0)):
        (descriptors,) = outcome_of("descriptors")
    assert len(literal_eval(descriptors)) == 5


class RunsCode:
    """What an unpickler would run."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.place),)


def lie(content: bytes, slot: np.void, crafted: bytes) -> None:
    """Answers noise or a crafted pickle instead of what the content asks for."""
    memory = np.frombuffer(slot.data, np.uint8)
    answer = crafted if content == b"pickle" else np.random.default_rng(len(content)).bytes(memory.size)
    memory[: len(answer)] = np.frombuffer(answer, np.uint8)[: memory.size]
    if content == b"shout":
        for number in range(3, 10):
            with suppress(OSError):
                os.write(number, b"more answers than questions")


def test_no_answer_makes_the_worker_run_code_or_believe_what_cannot_be_true(tmp_path, monkeypatch):
    """Noise in every field, pickles and more answers than questions: facts of the right kind, or an error."""
    marker = tmp_path / "ran"
    crafted = pickle.dumps(RunsCode(str(marker)))
    monkeypatch.setattr(preparation, "prepare_image", partial(lie_about_images, crafted=crafted))
    contents = [b"pickle", *(bytes(length) for length in range(40)), b"shout", b"pickle"]
    limits = ImageLimits()
    found = list(preparation.prepared_images(enumerate(map(Order, contents)), SPECIFICATION, limits))
    assert [number for number, _, _ in found] == list(range(len(contents)))
    assert not marker.exists()
    for _, prepared, tensor in found:
        assert tensor.dtype == np.float32
        if prepared.error is None:
            assert min(prepared.width or 0, prepared.height or 0) > 0
            assert prepared.quality is not None
            assert np.isfinite([prepared.seconds, *list(astuple(prepared.quality))[:5]]).all()
            assert (prepared.damage or "").isprintable()
            assert prepared.quality.pixel_hash.isprintable()


def lie_about_images(order: Order, slot: np.void, *, crafted: bytes, **_: object) -> None:
    lie(order.content, slot, crafted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("height", -1),
        ("width", 2**31 - 1),
        ("seconds", np.nan),
        ("seconds", -2),
        ("seconds", 1e300),
    ],
)
def test_facts_that_cannot_be_true_reject_the_image(name, value):
    """Sizes below 1, and numbers that are none or would spoil sums."""
    said = np.ones((), preparation.FACTS)
    assert preparation.read_facts(said).error is None
    said[name] = value
    assert preparation.read_facts(said).error == "the decoder's answer cannot be true"


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, -0.5, 1e300])
def test_measures_that_cannot_be_true_reject_the_image(value):
    """Each of them."""
    for name in ("brightness_p5", "brightness_p99", "entropy", "edge_deviation", "grey_histogram_deviation"):
        said = np.ones((), preparation.FACTS)
        said["quality"][name] = value
        assert preparation.read_facts(said).error == "the decoder's answer cannot be true"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_both_machines_allow_the_same(machine):
    """The program is run here as the kernel would; the calls of a machine are those of its own headers."""
    column = machine == "aarch64"
    architecture = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]

    def answer(number: int, argument: int = 0, architecture: int = architecture) -> int:
        return run_filter(border.filter_program(machine), (number, architecture, 0, 0, argument, 0))

    read_call, clone, thread_flags = (63, 220, 0x3D0F00) if column else (0, 56, 0x3D0F00)
    assert answer(read_call) == 0x7FFF0000
    assert answer(clone, thread_flags) == 0x7FFF0000
    assert answer(435) == 0x50000 | errno.ENOSYS
    for name, numbers in FORBIDDEN.items():
        assert answer(numbers[column]) == 0x50000 | errno.EPERM, name
    assert answer(read_call, architecture=0x40000003) == 0x80000000  # 32-bit calls have other numbers
    assert answer(read_call | 0x40000000) == 0x50000 | errno.EPERM  # so have those of x32


def run_filter(program: bytes, data: tuple[int, ...]) -> int:
    """What a seccomp program gives for `struct seccomp_data`, as 32-bit words."""
    steps, place, value = list(struct.iter_unpack("HBBI", program)), 0, 0
    while True:
        code, if_true, if_false, number = steps[place]
        place += 1
        match code:
            case 0x20:
                value = data[number // 4]
            case 0x15:
                place += if_true if value == number else if_false
            case 0x45:
                place += if_true if value & number else if_false
            case 0x06:
                return number
