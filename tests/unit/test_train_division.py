"""Which images train and which test."""

import numpy as np
import pytest

from spark_job.analyses.training.division import CURVE, Draws, divide
from spark_job.contract.errors import MisuseError
from spark_job.images.sampling import draw

SEED = 4


def paths_of(kind: str, label: str, count: int) -> list[str]:
    return [f"/photos/{kind}/{label}/{number}.jpg" for number in range(count)]


def draws(images: dict[tuple[str, str], int]) -> Draws:
    return {
        (kind, label): np.sort(
            np.array([draw(SEED, path) for path in paths_of(kind, label, count)], np.uint64)
        )
        for (kind, label), count in images.items()
    }


def test_a_share_of_each_class_is_held_out() -> None:
    """As many as were asked for of each class, and no image on both sides."""
    division = divide(draws({("", "a"): 40, ("", "b"): 10}), None, 0.2, SEED)
    for label, count in (("a", 40), ("b", 10)):
        paths = paths_of("", label, count)
        tests = [path for path in paths if division.test_choice(label, "", path)]
        trains = [path for path in paths if division.training_choice(label, "", path) is not None]
        assert len(tests) == count // 5
        assert sorted(tests + trains) == sorted(paths)


def test_a_class_of_one_image_trains() -> None:
    """An image that cannot be spared is not held out."""
    division = divide(draws({("", "a"): 1, ("", "b"): 10}), None, 0.5, SEED)
    assert division.training_choice("a", "", paths_of("", "a", 1)[0]) is not None
    assert division.test_counts.tolist() == [0, 5]


def test_the_folders_decide_where_there_are_any() -> None:
    """Training trains, Test tests, Validation does neither."""
    images = {(kind, label): 6 for kind in ("training", "test", "validation") for label in "ab"}
    division = divide(draws(images), None, 0.2, SEED)
    path = paths_of("training", "a", 1)[0]
    assert division.training_choice("a", "Training", path) is not None
    assert division.training_choice("a", "Test", path) is None
    assert division.test_choice("a", "Test", path)
    assert not division.test_choice("a", "Training", path)
    assert not division.test_choice("a", "Validation", path)


def test_a_test_folder_alone_is_divided() -> None:
    """Without anything to train with the split says nothing."""
    division = divide(draws({("test", "a"): 10, ("test", "b"): 10}), None, 0.3, SEED)
    assert division.test_counts.tolist() == [3, 3]
    assert division.training_counts[-1].tolist() == [7, 7]


def test_another_run_tests() -> None:
    """All of the one train, all of the other test; classes that were not trained are counted apart."""
    division = divide(draws({("", "a"): 5, ("", "b"): 5}), draws({("", "a"): 3, ("", "c"): 2}), 0.2, SEED)
    assert division.training_counts[-1].tolist() == [5, 5]
    assert division.test_counts.tolist() == [3, 0]
    assert division.unknown == 2
    assert not division.test_choice("c", "", "/photos//c/0.jpg")


def test_the_steps_of_the_curve_grow_into_each_other() -> None:
    """Each step takes its share of every class; an image belongs to all steps from its first on."""
    division = divide(draws({("", "a"): 50, ("", "b"): 50}), None, 0.2, SEED)
    choices = [division.training_choice("a", "", path) for path in paths_of("", "a", 50)]
    taken = [sum(one[1] <= number for one in choices if one) for number in range(len(CURVE))]
    assert taken == [round(share * 40) for share in CURVE]
    assert division.training_counts[:, 0].tolist() == taken


def test_one_class_is_refused() -> None:
    """There is nothing to tell apart."""
    with pytest.raises(MisuseError, match="at least two classes"):
        divide(draws({("", "a"): 10}), None, 0.2, SEED)


def test_nothing_to_test_with_is_refused() -> None:
    """A figure without test images would be none."""
    with pytest.raises(MisuseError, match="left to test with"):
        divide(draws({("", "a"): 1, ("", "b"): 1}), None, 0.2, SEED)


def test_equal_steps_are_measured_once() -> None:
    """Four images of a class cannot be cut into a tenth and a quarter."""
    division = divide(draws({("", "a"): 8, ("", "b"): 8}), None, 0.5, SEED)
    assert division.training_counts.sum(axis=1).tolist() == [2, 2, 4, 8]
    assert division.distinct_steps == [1, 2, 3]
