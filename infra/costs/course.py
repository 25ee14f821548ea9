"""How a run on a new cluster goes in time, and what it costs: each node from when it joins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.config.fields import DeploymentFields
from infra.config.instances import instance_types
from infra.config.sizing import NodeTooSmallError
from infra.costs.cost import (
    MILLION,
    OwnRate,
    dearest_hour,
    images_per_second_per_vcpu,
    latest_rate,
    minutes_besides,
    rate_table,
)
from infra.costs.prices import priced_families

FLEETS = ("primary_instance_types", "core_instance_types", "task_instance_types")


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
    """One run from the request of its cluster to the end of that.

    Attributes:
        cores: that compute when all nodes have joined.
        rate: images a second of these.
        minutes: until the run is complete.
        waiting: share of the cost on demand at which no images are computed.
        steady: cost of a million images when all nodes compute and nothing waits.
    """

    images: int
    cores: int
    rate: float
    minutes: float
    cost: Usd
    waiting: float
    steady: Usd


@dataclass(frozen=True)
class _Joining:
    """The nodes of a fleet: those from the beginning, those that join later, and an hour of one in USD."""

    early: int
    late: int
    hour: Usd

    def usd(self, early_minutes: float, late_minutes: float) -> Usd:
        hours = (self.early * early_minutes + self.late * late_minutes) / 60
        return Usd(hours * self.hour.on_demand, hours * self.hour.spot)


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
        idle_minutes: the cluster stays this long after the run.
        own_rates: of earlier runs, which are preferred to those of the project.
    """
    rates = rate_table()
    start = rates["cluster_start_minutes"] if start_minutes is None else start_minutes
    besides = minutes_besides(images)
    asked, joined = rates["scaling_asks_after_minutes"], rates["node_works_after_minutes"]
    primary, *workers = _fleets(config)
    early, late = sum(fleet.early for fleet in workers), sum(fleet.late for fleet in workers)
    cores = config.sizing().cores_per_node
    own = latest_rate(own_rates, config.model, config.families, photographs)
    rate = own.images_per_second if own else images_per_second_per_vcpu(config.model, photographs)
    node_rate = cores * rate * 60
    computing = images / (node_rate * early)
    if computing > joined:
        computing = joined + (images - node_rate * early * joined) / (node_rate * (early + late))
    minutes = start + computing + besides
    paid_late = computing + besides + idle_minutes - asked if computing > asked else 0.0
    cost = _sum(fleet.usd(minutes + idle_minutes, paid_late) for fleet in (primary, *workers))
    working = _sum(fleet.usd(computing, max(computing - joined, 0.0)) for fleet in (primary, *workers))
    all_rate = node_rate * (early + late)
    steady = _sum(fleet.usd(MILLION / all_rate, MILLION / all_rate) for fleet in (primary, *workers))
    waiting = 1 - working.on_demand / cost.on_demand
    return Course(images, cores * (early + late), all_rate / 60, minutes, cost, waiting, steady)


def of_each_family(config: DeploymentFields) -> dict[str, DeploymentFields]:
    """Return the configuration with all nodes of one type, for each family that has a price in the region.

    Left out are types that the region does not offer, and those with too little memory.
    """
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


def _fleets(config: DeploymentFields) -> list[_Joining]:
    """Return the fleets, the primary's first; EMR documents that a task fleet begins with one node."""
    found = []
    for fleet in config.fleets:
        early = 1 if fleet.name == "task" else fleet.minimum
        hours = [
            dearest_hour(fleet, config.region, public=config.public_nodes, spot_share=share)
            for share in (0.0, fleet.spot_share)
        ]
        found.append(_Joining(early, fleet.maximum - early, Usd(*hours)))
    return found


def _sum(parts: Iterable[Usd]) -> Usd:
    costs = list(parts)
    return Usd(sum(cost.on_demand for cost in costs), sum(cost.spot for cost in costs))
