"""What moto's EMR does not answer: a cluster's fleets, and its policies of scaling and idling."""

from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError


def answer_policies(monkeypatch, *, idle_seconds=1800, most_nodes=6, denied=False, **others):
    """Fleets, both policies and `others` as EMR shapes them; `denied`: it refuses to tell the policies."""
    base: Any = BaseClient
    call = base._make_api_call
    limits = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": most_nodes}
    fleets = [
        {
            "Id": f"if-{kind}",
            "InstanceFleetType": kind,
            "Status": {"State": "RUNNING"},
            "ProvisionedOnDemandCapacity": count,
            "TargetOnDemandCapacity": count,
        }
        for kind, count in (("MASTER", 1), ("CORE", 2))
    ]
    answers = {
        "ListInstanceFleets": {"InstanceFleets": fleets},
        "GetAutoTerminationPolicy": {"AutoTerminationPolicy": {"IdleTimeout": idle_seconds}},
        "GetManagedScalingPolicy": {"ManagedScalingPolicy": {"ComputeLimits": limits}},
        **others,
    }

    def answered(client, operation, arguments):
        if operation not in answers:
            return call(client, operation, arguments)
        if denied and operation.startswith("Get"):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        return answers[operation]

    monkeypatch.setattr(BaseClient, "_make_api_call", answered)
