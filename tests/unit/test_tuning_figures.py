"""What a tuning's measurements mean: speed-up, price, fitted lines, the recommendation."""

import numpy as np
import pytest

from infra.config.deployment import DeploymentConfig
from operate.tuning.figures import (
    Machine,
    Measured,
    fitted,
    point,
    recommended,
    telling_images,
    time_by_cores,
    time_by_images,
)
from operate.tuning.measuring import Trial, check_room, plan, spark_settings
from spark_job.contract.errors import MisuseError

MACHINE = Machine(vcpu=4, worker_hour=0.30, primary_hour=0.10)


def measured(executors, cores, seconds, images=1_000):
    return point(Measured(executors, cores, images, seconds, "run"), serial_rate=10.0, machine=MACHINE)


def test_speed_up_and_efficiency_are_those_against_the_serial_process():
    """1,000 images take it 100 s: 25 s on 2 x 4 cores is four times as fast, half of what 8 cores could."""
    found = measured(2, 4, 25.0)
    assert (found.images_per_second, found.speed_up, found.efficiency) == (40.0, 4.0, 0.5)


def test_the_price_counts_the_primary_node_and_whole_workers():
    """5 cores need two nodes of 4: 0.10 + 2 x 0.30 USD an hour."""
    assert measured(5, 1, 36.0).usd_per_million_images == pytest.approx(0.70 * 36 / 3600 * 1000)


def test_of_prices_that_are_alike_the_fastest_is_recommended():
    """3 % dearer and faster wins; 20 % dearer and faster still does not."""
    slow, alike, dear = measured(4, 1, 70.0), measured(8, 1, 41.2), measured(12, 1, 33.6)
    assert alike.usd_per_million_images / slow.usd_per_million_images == pytest.approx(1.03)
    assert recommended([slow, alike, dear]) == alike


def test_the_fitted_line_is_that_of_least_squares():
    """As NumPy has it."""
    x, y = [500.0, 1000.0, 2000.0], [7.0, 11.5, 22.0]
    line = fitted(x, y)
    slope, intercept = np.polyfit(x, y, 1)
    assert (line.slope, line.fixed_seconds) == pytest.approx((slope, intercept))
    assert line.r_squared == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)


def test_time_by_cores_finds_what_more_cores_do_not_shorten():
    """Of 3 s + 40 s / cores."""
    line = time_by_cores([measured(1, 1, 43.0), measured(2, 1, 23.0), measured(2, 2, 13.0)])
    assert (line.fixed_seconds, line.slope) == pytest.approx((3.0, 40.0))


def test_one_point_has_a_flat_line_of_unknown_quality():
    """Nothing varies: nothing is explained."""
    line = time_by_cores([measured(1, 1, 43.0)])
    assert (line.fixed_seconds, line.slope, line.r_squared) == (43.0, 0.0, None)


def of_sizes(start, of_an_image):
    """What 2 x 2 take for 60, 120 and 240 images; the serial process takes 0.1 s for each."""
    return [measured(2, 2, start + of_an_image * images, images) for images in (60, 120, 240)]


@pytest.mark.parametrize(
    ("start", "of_an_image", "needed"),
    [
        (2.9, 0.025, None),  # a third of 8.9 s
        (3.1, 0.025, 500),
        (5.9, 0.05, None),  # slow, but by its images
        (60.0, 0.05, 4_800),
        (30.0, 0.0, 8_700),  # all of them take as long
        (30.0, -0.01, 7_900),
    ],
)
def test_a_sample_in_which_the_start_decides_tells_which_one_would_not(start, of_an_image, needed):
    """One in which a fifth of the time is the start."""
    sizes = of_sizes(start, of_an_image)
    assert telling_images(sizes, time_by_images(sizes), serial_rate=10.0) == needed


def test_the_plan_has_the_whole_grid_and_the_largest_pair_on_three_sizes():
    """A quarter and half of the images beside the grid's own run on all of them."""
    planned = plan([2, 1], [1, 4], 1_000)
    assert planned[:-2] == [Trial(*pair, 1_000) for pair in ((1, 1), (1, 4), (2, 1), (2, 4))]
    assert planned[-2:] == [Trial(2, 4, 250), Trial(2, 4, 500)]


def test_spark_gets_exactly_these_executors_with_the_memory_of_their_cores():
    """All of them before the first task, none after."""
    config = DeploymentConfig()
    settings = spark_settings(Trial(3, 2, 100), config)
    assert settings["spark.executor.instances"] == "3"
    assert settings["spark.executor.cores"] == "2"
    assert settings["spark.executor.memoryOverhead"] == f"{config.sizing(2).executor_overhead_mib}m"
    assert settings["spark.dynamicAllocation.enabled"] == "false"
    assert settings["spark.scheduler.minRegisteredResourcesRatio"] == "1.0"
    assert not [key for key in settings if key.startswith("spark.driver")]


def test_executors_that_would_wait_for_ever_are_refused():
    """The message says how many fit."""
    config = DeploymentConfig()
    most = 2 * config.sizing(4).executors_per_node
    check_room([Trial(most, 4, 100)], config, nodes=2)
    with pytest.raises(MisuseError, match=rf"{most + 1} executors of 4 cores do not fit .* {most} do"):
        check_room([Trial(most + 1, 4, 100)], config, nodes=2)
    with pytest.raises(MisuseError, match="--cores 9"):
        check_room([Trial(1, 9, 100)], config, nodes=2)
