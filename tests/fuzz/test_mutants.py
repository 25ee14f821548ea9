"""Damaged and hostile files of every format through the decoder: used, or rejected in true words."""

import os
import warnings

import pytest

from tests.fuzz.answers import Outcome, answers, decoders
from tests.fuzz.mutation import mutant, structure_of
from tests.fuzz.seeds import MAKERS, seeds

SAMPLE = 300
ALL = int(os.environ.get("FUZZ_COUNT", "100000"))
WARM = 1000  # mutants after which the decoder has everything that it keeps
GROWTH = 64 * 1024**2  # bytes that the rest may add: what allocators keep of large images
LOST = ("the file crashes its decoder", "decoding takes longer")  # with what became of a mutant's process
KINDS_OF_PIXELS_WITHOUT_RANGE = "no brightness range that is known"


@pytest.fixture(scope="module", autouse=True)
def no_decoder_of_other_tests():
    """Two may idle where tests of this process had two at a time; one that is gone is replaced."""
    for process in decoders():
        process.kill()


@pytest.mark.parametrize("kind", MAKERS)
def test_whole_files_are_usable(kind):
    """What is damaged later was sound: else the mutants test nothing."""
    if kind == "hopeless":
        return
    refused = {
        prepared.error for *_, prepared in answers(enumerate(seeds(kind))) if prepared.error is not None
    }
    assert all(KINDS_OF_PIXELS_WITHOUT_RANGE in reason for reason in refused), refused


@pytest.mark.parametrize("kind", MAKERS)
def test_a_mutant_is_the_same_every_time_and_structure_survives(kind):
    """The number alone makes the file; a file that is taken to pieces and put together is the same."""
    assert [mutant(kind, number) for number in range(20)] == [mutant(kind, number) for number in range(20)]
    for content in seeds(kind) if kind != "hopeless" else ():
        split, join = structure_of(content)
        assert join(split(content)) == content


@pytest.mark.parametrize("kind", MAKERS)
def test_a_sample_of_mutants_is_used_or_rejected_in_true_words(kind):
    """One answer for each, whole tensors, reasons that a person understands; one decoder is left."""
    outcome = Outcome(kind)
    outcome.run(range(SAMPLE))
    judge(outcome, SAMPLE)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", MAKERS)
def test_all_mutants_are_used_or_rejected_and_memory_stays_flat(kind):
    """The same for a hundred thousand, also of files that packages carry, and the decoder does not grow."""
    outcome = Outcome(kind)
    outcome.run(range(min(WARM, ALL)))
    before = decoders()[0].memory_info().rss
    outcome.run(range(WARM, ALL))
    judge(outcome, ALL)
    growth = decoders()[0].memory_info().rss - before
    assert growth < GROWTH, f"the decoder grew by {growth / 1024**2:.0f} MiB"


def judge(outcome: Outcome, count: int) -> None:
    """Fail for faults, lost mutants, decoders too many; tell crashes, which are contained."""
    if outcome.faults:
        pytest.fail(str(outcome), pytrace=False)
    assert outcome.answers.total() == count
    if outcome.kind != "hopeless":
        assert outcome.answers["usable"] > count / 50, "mutations that spoil everything test nothing"
    lost = {reason: number for reason, number in outcome.answers.items() if reason.startswith(LOST)}
    if lost:
        warnings.warn(f"{outcome.kind}, of {count:,}: {lost}", stacklevel=1)
    assert sum(lost.values()) <= 1 + count / 1000
    assert len(decoders()) == 1, "a decoder that crashed is replaced, not multiplied"
