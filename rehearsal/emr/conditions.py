"""What the rehearsed account and AWS's delivery are like: quiet, until somebody says otherwise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rehearsal.errors import MisuseError


@dataclass
class Conditions:
    """Settings that may change while the rehearsal is up.

    Attributes:
        stacks_see_refusals: Whether a stack fails when EMR refuses to change a cluster that ends or has
            ended. AWS documents neither; without it the change counts as made.
        on_demand_vcpu: The account's quota of vCPU that run On-Demand.
        spot_vcpu: The account's quota of vCPU that run as Spot.
    """

    stacks_see_refusals: bool = True
    on_demand_vcpu: int = 1000
    spot_vcpu: int = 1000

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Set some of them, and return all.

        Raises:
            MisuseError: there is none of that name, or a value is of another type or negative.
        """
        known = asdict(self)
        for name, value in values.items():
            if name not in known:
                raise MisuseError(f"there is no setting {name}: there are {', '.join(known)}")
            kind = type(known[name])
            if isinstance(value, bool) != (kind is bool) or not isinstance(value, (int, kind)) or value < 0:
                raise MisuseError(f"{name} takes a {kind.__name__}, such as {known[name]}, not {value!r}")
        for name, value in values.items():
            setattr(self, name, type(known[name])(value))
        return asdict(self)
