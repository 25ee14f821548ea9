"""Samples balanced over classes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_job.images.sampling import Sample, is_shown, quotas, shown_shares

COUNTS = {"a": 200, "b": 120, "c": 77, "d": 3}
FILES = [(label, f"/{label}/{number}.jpg") for label, size in COUNTS.items() for number in range(size)]


def taken(files, seed, **how):
    """The paths of a sample, in its order."""
    sample = Sample(quotas(COUNTS, **how), seed)
    for label, path in files:
        sample.offer(label, path, path)
    return list(sample.items())


def test_a_sample_of_each_class_is_at_most_that_many():
    """A class that has fewer gives all it has."""
    assert quotas(COUNTS, per_class=50) == {"a": 50, "b": 50, "c": 50, "d": 3}


def test_a_sample_of_all_is_as_even_as_the_classes_allow():
    """100 of four classes: what the small one lacks, the others share."""
    assert quotas(COUNTS, total=100) == {"a": 33, "b": 32, "c": 32, "d": 3}


def test_without_a_request_all_take_part():
    """As they do when more is asked for than there is."""
    assert quotas(COUNTS) == quotas(COUNTS, total=400) == quotas(COUNTS, total=10**9, per_class=200) == COUNTS


@given(
    counts=st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=8),
    total=st.integers(0, 300),
    per_class=st.none() | st.integers(1, 60),
)
def test_quotas_are_level_and_use_the_total_up(counts, total, per_class):
    """No class takes two more than another that has some left; nothing is left over needlessly."""
    found = quotas(counts, total, per_class)
    most = {label: min(count, per_class or count) for label, count in counts.items()}
    assert sum(found.values()) == min(total, sum(most.values()))
    assert all(0 <= found[label] <= most[label] for label in counts)
    unfinished = [number for label, number in found.items() if number < most[label]]
    assert not unfinished or max(found.values()) <= min(unfinished) + 1


@pytest.mark.parametrize("how", [{"per_class": 20}, {"total": 61}])
def test_a_sample_depends_on_seed_and_paths_alone(how):
    """Not on the order of the files; another seed takes others; no file comes twice."""
    first = taken(FILES, 1, **how)
    assert taken(FILES[::-1], 1, **how) == first
    assert len(set(first)) == len(first)
    assert Counter(path.split("/")[1] for path in first) == quotas(COUNTS, **how)
    assert taken(FILES, 2, **how) != first


def shown(files, seed, shares):
    """The paths that get a thumbnail."""
    return {path for label, path in files if is_shown(label, path, seed, shares)}


@pytest.mark.parametrize("how", [{}, {"total": 100}, {"per_class": 30}])
def test_of_few_images_all_are_shown(how):
    """Those of a sample too, though its draws are the smallest of many."""
    shares = shown_shares(COUNTS, quotas(COUNTS, **how), 400)
    assert set(taken(FILES, 3, **how)) <= shown(FILES, 3, shares)


@pytest.mark.parametrize("seed", range(3))
def test_of_many_images_those_that_a_sample_will_take_are_known_before(seed):
    """A handful of 400 may be missing; about a quarter more are shown, for chance and for the rejected."""
    counts = dict.fromkeys("abcde", 4_000)
    files = [(label, f"/{label}/{number}.jpg") for label, size in counts.items() for number in range(size)]
    later = Sample(quotas(counts, 400), seed)
    for label, path in files:
        later.offer(label, path, path)
    found = shown(files, seed, shown_shares(counts, counts, 400))
    assert len(set(later.items()) - found) <= 8
    assert 400 < len(found) < 560
