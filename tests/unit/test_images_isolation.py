"""The decoder's process: it may hang, crash or run out of memory, and it never outlives its owner."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from spark_job.images.isolation import BATCH_SIZE, SLOTS, Isolated, shared_tensors

PROJECT = Path(__file__).resolve().parents[2]


def work(items: list[object], first_slot: int) -> list[object]:
    """Does what each item says; else returns it with the decoder's own process id."""
    for item in items:
        if item == "hang":
            time.sleep(60)
        if item == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item == "leave":
            os._exit(3)
        if item == "swell":
            bytearray(5 * 1024**3)
    return [(item, os.getpid()) for item in items]


def answers(items, max_seconds=1.0):
    """What comes back, without slots and process ids."""
    isolated = Isolated(work, failed=lambda item, reason: (item, reason), max_seconds=max_seconds)
    return [answer for _, answer in isolated.map(items)]


@pytest.mark.parametrize("count", [0, 1, BATCH_SIZE, BATCH_SIZE + 1, 3 * SLOTS + 5])
def test_every_item_comes_back_once_in_order(count):
    """Also when the last batch is not full."""
    assert [item for item, _ in answers(list(range(count)))] == list(range(count))


def test_the_work_happens_in_another_process():
    """Which stays the same while nothing fails."""
    processes = {process for _, process in answers(list(range(100)))}
    assert len(processes) == 1
    assert os.getpid() not in processes


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "decoding takes longer than --max-seconds 1"),
        ("crash", "the file crashes its decoder"),
        ("leave", "the file crashes its decoder"),
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
    items = ["crash", 1, "leave", "crash", 2, "crash"]
    assert [item for item, why in answers(items) if isinstance(why, int)] == [1, 2]


def test_the_slots_of_waiting_items_do_not_overlap():
    """An item's memory stays as it is until the next result is asked for."""
    isolated = Isolated(work, failed=lambda item, reason: (item, reason), max_seconds=5)
    slots = [slot for slot, _ in isolated.map(range(4 * SLOTS))]
    assert slots == [number % SLOTS for number in range(4 * SLOTS)]


def test_memory_is_shared_without_a_copy():
    """What the other process writes into a slot is what this one reads."""
    shared = shared_tensors(4, 4)
    tensors = shared.open()
    isolated = Isolated(partial(fill, shared), failed=lambda item, reason: None, max_seconds=5)
    for slot, item in isolated.map([float(number) for number in range(100)]):
        assert (tensors[slot] == item).all()


def fill(shared, items, first_slot):
    """Fills each item's slot with its value."""
    tensors = shared.open()
    for slot, item in enumerate(items, first_slot):
        tensors[slot] = item
    return items


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
    """kill -9 gives no chance to tidy up: decoder and fork server end by themselves."""
    owner, below = start_owner(tmp_path, 60)
    assert len(below) >= 2
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
