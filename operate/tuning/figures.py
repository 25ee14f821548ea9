"""What a tuning's runs say: speed-up, efficiency, price, fitted lines, a recommendation; calls nothing."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import StatisticsError, correlation, linear_regression

from infra.config.deployment import DeploymentConfig
from infra.costs.prices import node_hour
from spark_job.contract.tuning import FittedLine, Measurement

# Prices this close are alike: the faster one is worth it.
ALIKE = 1.05
MILLION = 1_000_000
# Where a larger share of the time is the start of the workers, the times say little of executors and cores;
# a sample in which it is the smaller one tells.
MOST_START, GOOD_START = 1 / 3, 1 / 5


@dataclass(frozen=True)
class Measured:
    """One run: wall time of its featurization, in seconds; `cores` are those of each executor."""

    executors: int
    cores: int
    images: int
    seconds: float
    run: str


@dataclass(frozen=True)
class Machine:
    """What the nodes cost: USD an hour of the primary node and of one worker node with `vcpu` cores."""

    vcpu: int
    worker_hour: float
    primary_hour: float

    def usd(self, cores: int, seconds: float) -> float:
        """Return the USD of the primary node and of whole worker nodes with these cores, for so long."""
        workers = math.ceil(cores / self.vcpu)
        return (self.primary_hour + workers * self.worker_hour) * seconds / 3600


def machine(config: DeploymentConfig) -> Machine:
    """Return what the nodes of the configuration cost, its first types on demand."""
    primary, worker = config.fleets[0].instances[0], config.core_node
    hours = [node_hour(node, config.region, public=config.public_nodes) for node in (worker, primary)]
    return Machine(worker.vcpu, *hours)


def point(measured: Measured, serial_rate: float, machine: Machine) -> Measurement:
    """Return the figures of one run; `serial_rate` are the serial process's images a second."""
    cores, rate = measured.executors * measured.cores, measured.images / measured.seconds
    return Measurement(
        **asdict(measured),
        images_per_second=rate,
        speed_up=rate / serial_rate,
        efficiency=rate / serial_rate / cores,
        usd_per_million_images=machine.usd(cores, measured.seconds) / measured.images * MILLION,
    )


def recommended(points: Sequence[Measurement]) -> Measurement:
    """Return the fastest of those whose price is within 5 % of the lowest."""
    lowest = min(point.usd_per_million_images for point in points)
    alike = [point for point in points if point.usd_per_million_images <= lowest * ALIKE]
    return max(alike, key=lambda point: point.images_per_second)


def telling_images(sizes: Sequence[Measurement], line: FittedLine, serial_rate: float) -> int | None:
    """Return how many images would tell of executors and cores; None: those of the largest size do.

    Args:
        sizes: with the same executors and cores; the last one has the most images.
        line: `time_by_images` of them.
        serial_rate: the serial process's images a second. A core of an executor is taken to be at most twice
            as fast: the times of a small sample may hardly grow with the images, or not at all.
    """
    largest = sizes[-1]
    of_an_image = max(line.slope, 1 / (2 * serial_rate * largest.all_cores))
    start = largest.seconds - of_an_image * largest.images
    if start <= largest.seconds * MOST_START:
        return None
    images = start * (1 / GOOD_START - 1) / of_an_image
    rounding: int = 10 ** max(len(str(int(images))) - 2, 0)
    return math.ceil(images / rounding) * rounding


def time_by_images(points: Sequence[Measurement]) -> FittedLine:
    """Fit seconds = fixed + slope x images to runs with the same executors and cores."""
    return fitted([point.images for point in points], [point.seconds for point in points])


def time_by_cores(points: Sequence[Measurement]) -> FittedLine:
    """Fit seconds = fixed + slope / cores of all executors to runs on the same images.

    Amdahl's law: the fixed part is what more cores do not shorten (https://doi.org/10.1145/1465482.1465560).
    """
    shares = [1 / (point.executors * point.cores) for point in points]
    return fitted(shares, [point.seconds for point in points])


def fitted(x: Sequence[float], y: Sequence[float]) -> FittedLine:
    """Return the line through points, flat through their mean where x does not vary."""
    try:
        slope, intercept = linear_regression(x, y)
    except StatisticsError:
        return FittedLine(sum(y) / len(y), 0.0, None)
    try:
        return FittedLine(intercept, slope, correlation(x, y) ** 2)
    except StatisticsError:  # y does not vary
        return FittedLine(intercept, slope, None)
