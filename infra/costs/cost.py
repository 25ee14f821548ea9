"""What the deployment costs: an hour at most, a run on its course in time, a month that is idle."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from infra.config.fields import DeploymentFields
from infra.config.instances import Fleet, instance_types
from infra.config.sizing import NodeTooSmallError
from infra.costs.prices import node_hour, price_table, priced_families

FLEETS = ("primary_instance_types", "core_instance_types", "task_instance_types")
# Of the photographs that a plan speaks of. A run tells of those that have up to four times as many pixels, or
# as few.
MEGAPIXELS = {"small": 0.01, "phone": 12.0}
ALIKE = 4.0
# A run that computed fewer images tells how its workers start, not at what rate they compute.
FEWEST_IMAGES = 2_000
MILLION = 1_000_000
RATES = Path(__file__).with_name("rates.json")


@cache
def rate_table() -> dict[str, Any]:
    """Return the measured rates, with their date and source."""
    table: dict[str, Any] = json.loads(RATES.read_text())
    return table


def minutes_besides(images: int) -> float:
    """Return what a run of so many images takes beside their features: its start, its listing, its tables."""
    rates = rate_table()
    more = rates["run_minutes_besides_a_million"] * images / MILLION
    return float(rates["run_minutes_besides_images"] + more)


def largest_hourly_cost(fleets: Iterable[Fleet], region: str, *, public: bool) -> float:
    """Return the price of an hour, in USD, with every fleet at its most, of its dearest type, on demand."""
    return sum(fleet.maximum * dearest_hour(fleet, region, public=public) for fleet in fleets)


def dearest_hour(fleet: Fleet, region: str, *, public: bool, spot_share: float = 0.0) -> float:
    """Return the price of an hour of one node of the dearest type, in USD: EMR may choose any."""
    return max(node_hour(one, region, public=public, spot_share=spot_share) for one in fleet.instances)


def images_per_second_per_vcpu(model: str, photographs: str = "small") -> float:
    """Return the project's rate of a network (unknown: the slowest) on `small` or `phone` photographs."""
    rates = rate_table()
    known = rates["images_per_second_per_vcpu"]
    seconds = 1 / known.get(model, min(known.values()))
    return float(1 / (seconds + (rates["more_vcpu_seconds_of_a_phone"] if photographs == "phone" else 0.0)))


def run_estimate(
    *,
    core_rate: float,
    images: int,
    cores: int,
    largest_hourly_usd: float,
    idle_minutes: float,
    new_cluster: bool = True,
) -> tuple[float, float]:
    """Return the minutes of a run, and the USD until the cluster's idle end, all nodes on demand.

    The cluster is paid for at its largest all the time, so that the estimate errs upwards.

    Args:
        core_rate: Images a second of one vCPU.
        cores: vCPU that executors use, on all nodes together.
    """
    start = rate_table()["cluster_start_minutes"] if new_cluster else 0.0
    minutes = start + minutes_besides(images) + images / (cores * core_rate) / 60
    return minutes, largest_hourly_usd * (minutes + idle_minutes) / 60


def idle_monthly_cost(templates: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the USD of a month of each type of resource that costs when idle; stored data is left out."""
    resources = [one for template in templates for one in template.get("Resources", {}).values()]
    counts = Counter(resource["Type"] for resource in resources)
    return {
        kind: (counts[kind] - price["free"]) * price["each"]
        for kind, price in price_table()["idle_month"].items()
        if counts[kind] > price["free"]
    }


@dataclass(frozen=True)
class OwnRate:
    """What one run did."""

    run: str
    created: datetime
    model: str
    families: tuple[str, ...]  # of its cluster's machines, ascending
    megapixels: float  # of its images, on average
    images_per_second: float  # of one core, while it worked on images

    @property
    def source(self) -> str:
        return (
            f"from run {self.run} of {self.created.date()} ({self.images_per_second:.1f} images/s a core on "
            f"{' and '.join(self.families)}, images of {self.megapixels:.2g} megapixels)"
        )


def latest_rate(
    rates: Iterable[OwnRate], model: str, families: Collection[str], photographs: str | None = None
) -> OwnRate | None:
    """Return the rate of the latest run that tells of this, or None; no `photographs` means of any size."""
    telling = []  # of the same network, the kind of photographs, and machines of these families
    for rate in rates:
        times = rate.megapixels / MEGAPIXELS[photographs] if photographs else 1.0
        if rate.model == model and set(rate.families) <= set(families) and 1 / ALIKE <= times <= ALIKE:
            telling.append(rate)
    return max(telling, key=lambda rate: rate.created, default=None)


@dataclass(frozen=True)
class Usd:
    """A sum twice: every node on demand, and task nodes with their share of Spot; without tax."""

    on_demand: float
    spot: float

    def of_a_million(self, images: int) -> "Usd":
        """Return what a million images cost where so many cost this."""
        return Usd(self.on_demand / images * MILLION, self.spot / images * MILLION)


@dataclass(frozen=True)
class Course:
    """One run from the request of its cluster to the end of that."""

    images: int
    cores: int  # that compute when all nodes have joined
    rate: float  # images a second of these
    minutes: float  # until the run is complete
    cost: Usd
    waiting: float  # share of the cost on demand at which no images are computed
    steady: Usd  # cost of a million images when all nodes compute and nothing waits


def course(
    config: DeploymentFields,
    images: int,
    *,
    photographs: str = "small",
    start_minutes: float | None = None,
    idle_minutes: float = 0.0,
    own_rates: Sequence[OwnRate] = (),
) -> Course:
    """Follow one run. Nodes that scaling adds are paid from when it asks for them, and work minutes later.

    Args:
        photographs: `small` (100 x 100 pixels) or `phone` (12 megapixels).
        start_minutes: until the first image is computed; default: as the file of rates takes it.
        own_rates: of earlier runs, which are preferred to those of the project.
    """
    rates = rate_table()
    start = rates["cluster_start_minutes"] if start_minutes is None else start_minutes
    besides = minutes_besides(images)
    asked, joined = rates["scaling_asks_after_minutes"], rates["node_works_after_minutes"]
    workers = config.fleets[1:]
    early, most = sum(map(_early_nodes, workers)), sum(fleet.maximum for fleet in workers)
    cores = config.sizing().cores_per_node
    own = latest_rate(own_rates, config.model, config.families, photographs)
    rate = own.images_per_second if own else images_per_second_per_vcpu(config.model, photographs)
    node_rate = cores * rate * 60
    computing = images / (node_rate * early)
    if computing > joined:
        computing = joined + (images - node_rate * early * joined) / (node_rate * most)
    minutes = start + computing + besides
    paid_late = computing + besides + idle_minutes - asked if computing > asked else 0.0
    cost = _cost_of_nodes(config, minutes + idle_minutes, paid_late)
    working = _cost_of_nodes(config, computing, max(computing - joined, 0.0))
    steady = _cost_of_nodes(config, MILLION / (node_rate * most), MILLION / (node_rate * most))
    waiting = 1 - working.on_demand / cost.on_demand
    return Course(images, cores * most, node_rate * most / 60, minutes, cost, waiting, steady)


def _early_nodes(fleet: Fleet) -> int:
    """Return with how many nodes a fleet begins; EMR documents that a task fleet begins with one."""
    return 1 if fleet.name == "task" else fleet.minimum


def _cost_of_nodes(config: DeploymentFields, early_minutes: float, late_minutes: float) -> Usd:
    """Return the cost of all nodes: those of the beginning and those that join later, for so long each."""
    on_demand = spot = 0.0
    for fleet in config.fleets:
        early, share = _early_nodes(fleet), fleet.spot_share
        hours = (early * early_minutes + (fleet.maximum - early) * late_minutes) / 60
        on_demand += hours * dearest_hour(fleet, config.region, public=config.public_nodes)
        spot += hours * dearest_hour(fleet, config.region, public=config.public_nodes, spot_share=share)
    return Usd(on_demand, spot)


def of_each_family(config: DeploymentFields) -> dict[str, DeploymentFields]:
    """Return the configuration on one type of each family that the region has, with enough memory."""
    found = {}
    for family in priced_families(config.region):
        name = f"{family}.{config.core_node.name.partition('.')[2]}"
        known = instance_types().get(name)
        if known is None or config.region not in known.regions:
            continue
        one = config.model_copy(update=dict.fromkeys(FLEETS, (name,)))
        try:
            one.sizing()
        except NodeTooSmallError:
            continue
        found[name] = one
    return found
