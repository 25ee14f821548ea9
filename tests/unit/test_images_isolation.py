"""The decoder's process: it may hang, crash or run out of memory, and it never outlives its owner."""

import ctypes
import gc
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from spark_job.contract.run_options import MEBIBYTE
from spark_job.errors import ImageRejectedError
from spark_job.images import border, isolation
from spark_job.images.isolation import SLOTS, Isolated, Order

PROJECT = Path(__file__).resolve().parents[2]
LAYOUT = np.dtype([("number", np.int64), ("process", np.int64)])


def work(order: Order, slot: np.void) -> None:
    """Does what the item says; notes it with the decoder's own process id."""
    match order.content:
        case b"hang":
            time.sleep(60)
        case b"crash":
            ctypes.string_at(0)
        case b"leave":
            os._exit(3)
        case b"swell":
            bytearray(600 * MEBIBYTE)
        case b"refuse":
            raise ImageRejectedError("not\nthis\x1bone")
        case b"fail":
            raise ValueError("a mistake of ours")
    slot["number"], slot["process"] = int(order.content), os.getpid()


def answers(items: list[object], max_seconds: float = 1.0) -> list[tuple[object, object]]:
    """Each item with the decoder's process id, or with the reason why it is rejected."""
    isolated = Isolated(work, LAYOUT, max_seconds)
    found: list[tuple[object, object]] = []
    for item, outcome in isolated.map((item, Order(str(item).encode())) for item in items):
        if isinstance(outcome, ImageRejectedError):
            found.append((item, str(outcome)))
        else:
            assert outcome["number"] == item
            found.append((item, int(outcome["process"])))
    return found


@pytest.mark.parametrize("count", [0, 1, 16, 17, 3 * SLOTS + 5])
def test_every_item_comes_back_once_in_order(count):
    """Also when the last batch is not full."""
    assert [item for item, _ in answers(list(range(count)))] == list(range(count))


def test_the_work_happens_in_another_process():
    """Which stays the same while nothing fails, also for the next call."""
    processes = {process for _, process in answers(list(range(100))) + answers([1])}
    assert len(processes) == 1
    assert os.getpid() not in processes


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "decoding takes longer than --max-seconds 1"),
        ("crash", "the file crashes its decoder"),
        ("leave", "the file crashes its decoder"),
        ("swell", "decoding needs more memory than the limits allow"),
        ("refuse", r"not\nthis\x1bone"),
        ("fail", "decoding failed: ValueError: a mistake of ours"),
    ],
)
def test_a_fault_costs_one_item(fault, reason):
    """Those before and after it, in its batch and in others, come back."""
    items = [*range(20), fault, *range(20, 60)]
    found = answers(items)
    assert [item for item, _ in found] == items
    assert [(item, why) for item, why in found if isinstance(why, str)] == [(fault, reason)]


def test_several_faults_cost_several_items():
    """Also side by side, first and last."""
    items = ["crash", 1, "leave", "crash"]
    assert [item for item, why in answers(items) if isinstance(why, int)] == [1]


done: list[bytes] = []


def tire(order: Order, slot: np.void) -> None:
    """Crashes at the tenth item of a process, whatever it is."""
    done.append(order.content)
    if len(done) == 10:
        ctypes.string_at(0)
    slot["number"] = int(order.content)


def test_an_item_is_not_lost_by_what_came_before_it():
    """A process that is used up, or was spoilt, is replaced, and the item tried again."""
    found = Isolated(tire, LAYOUT, 5).map((n, Order(b"%d" % n)) for n in range(25))
    assert [int(slot["number"]) for _, slot in found] == list(range(25))


def test_an_item_that_is_rejected_already_keeps_its_place():
    """It does not go to the other process."""
    refused = ImageRejectedError("the file is empty")
    items = [(1, Order(b"1")), (2, Order(refused)), (3, Order(b"3"))]
    found = dict(Isolated(work, LAYOUT, 1).map(items))
    assert list(found) == [1, 2, 3]
    assert found[2] is refused
    assert found[3]["number"] == 3


def test_a_call_that_is_given_up_leaves_nothing_for_the_next():
    """Its items in flight do not come back as another call's."""
    given_up = Isolated(work, LAYOUT, 1).map((n, Order(b"%d" % n)) for n in range(100))
    next(given_up)
    given_up.close()  # type: ignore[attr-defined]
    assert [item for item, _ in answers([7, 8, 9])] == [7, 8, 9]


def test_a_decoder_that_ends_while_it_starts_is_replaced_once(tmp_path, monkeypatch):
    """Killed for memory, or stopped: the next one does the work, and two in a row are an error."""
    monkeypatch.setattr(isolation, "_idle", [])
    program, marker = isolation._PROGRAM, tmp_path / "started"
    ending = (
        f"import os, pathlib\nif (m := pathlib.Path({str(marker)!r})).exists(): m.unlink(); os._exit(1)\n"
    )
    marker.touch()
    monkeypatch.setattr(isolation, "_PROGRAM", ending + program)
    assert [item for item, _ in answers([1, 2])] == [1, 2]
    monkeypatch.setattr(isolation, "_idle", [])
    monkeypatch.setattr(isolation, "_PROGRAM", "raise SystemExit(1)")
    with pytest.raises(RuntimeError, match="does not start"):
        answers([1])


def test_a_decoder_that_died_unused_leaves_no_descriptor(monkeypatch):
    """Its pipes and its memory are closed when another one takes its place."""
    counts = []
    for _ in range(3):
        monkeypatch.setattr(isolation, "_idle", [])
        isolation.start_decoder()
        (dead,) = isolation._idle
        dead._process.kill()
        dead._process.wait()
        assert len(answers(list(range(3)))) == 3
        isolation._idle.pop().stop()
        gc.collect()
        counts.append(psutil.Process().num_fds())
    assert counts[1] == counts[2]


def test_the_decoder_imports_neither_a_store_nor_arrow_nor_spark():
    """It starts beside the network, its memory is for pictures, and nothing in it may reach S3."""
    code = (
        "import sys, spark_job.images.preparation; "
        "print({'obstore', 'pyarrow', 'pyspark', 'spark_job.storage'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_two_calls_at_a_time_have_two_processes():
    """Neither sees the other's items."""
    one, other = (Isolated(work, LAYOUT, 1).map([(n, Order(b"%d" % n)) for n in range(40)]) for _ in range(2))
    pairs = [(int(a["number"]), int(b["number"])) for (_, a), (_, b) in zip(one, other, strict=True)]
    assert pairs == [(n, n) for n in range(40)]


def measure(order: Order, slot: np.void) -> None:
    """Notes how long the item is."""
    slot["number"] = len(order.content)


def test_large_items_wait_where_they_are():
    """However many there are, about three batches of bytes are on their way at a time."""
    taken = []
    item = bytes(3 * MEBIBYTE)
    items = ((taken.append(number) or number, Order(item)) for number in range(30))
    for number, slot in Isolated(measure, LAYOUT, 5).map(items):
        assert slot["number"] == len(item)
        assert len(taken) - number <= 10


def copy(order: Order, slot: np.void) -> None:
    """Holds the item twice, as a photograph beside its pixels; notes the pages that were new so far."""
    assert np.frombuffer(order.content, np.uint8).copy().any()
    slot["number"] = resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(sys.platform != "linux", reason="macOS keeps pages by rules of its own")
def test_large_items_use_the_pages_of_those_before_them():
    """New pages for each would take a tenth of the time that a photograph of 12 megapixels takes."""
    photograph, count = bytes([1]) * 2 * MEBIBYTE, 20
    items = ((number, Order(photograph)) for number in range(count))
    pages = [int(slot["number"]) for _, slot in Isolated(copy, LAYOUT, 5).map(items)]
    assert (pages[-1] - pages[count // 2]) / (count // 2) < 0.2 * 2 * len(photograph) / resource.getpagesize()


def fill(order: Order, slot: np.void) -> None:
    """Fills the slot's array with the item's value."""
    slot["tensor"] = float(order.content)


def test_memory_is_shared_without_a_copy_and_stays_until_the_next():
    """What the other process writes into a slot is what this one reads, while it works on later ones."""
    layout = np.dtype([("tensor", np.float32, (40, 40, 3))])
    for item, slot in Isolated(fill, layout, 5).map((n, Order(b"%d" % n)) for n in range(3 * SLOTS)):
        tensor = slot["tensor"]
        assert not tensor.flags.owndata
        assert tensor.flags.c_contiguous
        assert tensor.ctypes.data % 64 == 0
        time.sleep(0.0002)
        assert (tensor == item).all()


OWNER = """
import sys, time
from tests.unit.test_images_isolation import answers
if __name__ == "__main__":
    answers([1, 2, "crash", 3])
    print("ready", flush=True)
    time.sleep({seconds})
"""


def start_owner(tmp_path, seconds):
    """A process that has a decoder; and all processes below it."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER.format(seconds=seconds))
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    owner = subprocess.Popen([sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True)
    assert owner.stdout.readline() == "ready\n"
    return owner, psutil.Process(owner.pid).children(recursive=True)


def test_no_process_stays_behind_a_killed_owner(tmp_path):
    """kill -9 gives no chance to tidy up: the decoder ends by itself."""
    owner, below = start_owner(tmp_path, 60)
    assert len(below) == 1
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert psutil.wait_procs(below, timeout=15)[1] == []


def test_an_owner_that_ends_takes_its_decoder_along(tmp_path):
    """And ends at once, with success."""
    owner, below = start_owner(tmp_path, 0)
    assert owner.wait(timeout=15) == 0
    owner.stdout.close()
    assert psutil.wait_procs(below, timeout=15)[1] == []


def test_macos_has_neither_memfd_nor_filters_and_the_decoder_does_without(monkeypatch):
    """A file that has no name is the shared memory, and the border is limits of time and of files."""
    limits = {}
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(border, "_libc", None)
    monkeypatch.setattr(resource, "setrlimit", lambda limit, most: limits.update({limit: most}))
    memory = isolation._memory()
    mine, others = isolation._mapped(memory, LAYOUT), isolation._mapped(os.dup(memory), LAYOUT)
    mine["result"]["number"] = 7
    assert others["result"]["number"].tolist() == [7] * SLOTS
    os.close(memory)
    border.enter(10.0)
    assert set(limits) == {
        resource.RLIMIT_CPU,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_CORE,
        resource.RLIMIT_NOFILE,
    }
    assert border.lacking().startswith("this system has no seccomp filters")
