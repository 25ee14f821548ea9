"""What another run will take and cost, on a live cluster or a new one, before it starts; calls nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.config.instances import instance_types
from infra.costs.cost import OwnRate, images_per_second_per_vcpu, latest_rate, rate_table, run_estimate
from infra.costs.prices import price_table
from infra.launch.run_request import DeployedJob
from operate.emr.clusters import Node
from operate.emr.node_costs import hour_price

EXPECTED_ERROR = "an upper bound: every node on demand and the cluster at its largest all the time"


@dataclass(frozen=True)
class Estimate:
    """Minutes and USD of one run, from its submission until the cluster ends."""

    images: int
    nodes: int  # core and task nodes, at most
    minutes: float  # with the start of a new cluster
    idle_minutes: float
    cost_usd: float | None  # None: a type has no price
    rate_source: str  # the deployment's run, or the project's measurement, whose rate counts
    new_cluster: bool = False
    expected_error: str = EXPECTED_ERROR

    @property
    def source(self) -> str:
        return f"prices of {price_table()['date']} (infra/costs/prices.json), rate {self.rate_source}"

    @property
    def sentence(self) -> str:
        """The estimate for people, with source and expected error."""
        cost = "no price known" if self.cost_usd is None else f"at most {self.cost_usd:.2f} USD"
        place = "a new cluster" if self.new_cluster else "the live cluster"
        idle = f" with {self.idle_minutes:.0f} min idle after it" if self.idle_minutes else ""
        return (
            f"{self.images:,} files, about {self.minutes:.0f} min on up to {self.nodes} nodes of "
            f"{place}, {cost}{idle}; {self.source}; {self.expected_error}"
        )


def estimate(
    nodes: Sequence[Node],
    *,
    images: int,
    model: str,
    region: str,
    most_nodes: int | None,
    idle_minutes: float,
    own_rates: Sequence[OwnRate],
) -> Estimate:
    """Return the estimate for a live cluster.

    Args:
        nodes: those that the cluster has or had.
        most_nodes: core and task nodes that scaling may reach; None: those that there are.
        idle_minutes: the cluster stays this long after the run.
        own_rates: of the deployment's runs, which are preferred to those of the project.
    """
    here = [node for node in nodes if not node.gone]
    workers = most_nodes or max(len(here) - 1, 1)
    dearest = max((price for node in here if (price := hour_price(node, region)) is not None), default=None)
    rate, source = _core_rate(own_rates, model, [node.type.partition(".")[0] for node in here])
    known = instance_types()
    # The smallest worker that there is counts, so that the estimate errs upwards.
    vcpu = min((known[node.type].vcpu for node in here if node.type in known), default=4)
    minutes, usd = run_estimate(
        core_rate=rate,
        images=images,
        cores=workers * vcpu,
        largest_hourly_usd=(dearest or 0.0) * (workers + 1),
        idle_minutes=idle_minutes,
        new_cluster=False,
    )
    return Estimate(images, workers, minutes, idle_minutes, None if dearest is None else usd, source)


def estimate_of_new(deployed: DeployedJob, images: int, own_rates: Sequence[OwnRate]) -> Estimate:
    """Return the estimate for a cluster that is started for the run and ends with it."""
    rate, source = _core_rate(own_rates, deployed.model, deployed.families)
    hourly, cores = deployed.hourly_usd, deployed.cores
    minutes, usd = run_estimate(
        core_rate=rate, images=images, cores=cores, largest_hourly_usd=hourly, idle_minutes=0.0
    )
    return Estimate(images, deployed.nodes, minutes, 0.0, usd, source, new_cluster=True)


def _core_rate(own_rates: Sequence[OwnRate], model: str, families: Sequence[str]) -> tuple[float, str]:
    """Return the images a second of one vCPU, and where this rate is from."""
    if own := latest_rate(own_rates, model, families):
        return own.images_per_second, f"{own.source}, for images like those"
    source = f"of {rate_table()['date']} (infra/costs/rates.json), measured on another machine"
    return images_per_second_per_vcpu(model), source
