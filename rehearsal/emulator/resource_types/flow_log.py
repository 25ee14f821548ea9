"""A record of a network's connections: AWS::EC2::FlowLog."""

from typing import Any

from rehearsal.emulator.api import client
from rehearsal.emulator.resource_types.api_values import request_values
from rehearsal.emulator.resource_types.ec2_tags import replace_tags, tag_specifications
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType


class FlowLog(ResourceType):
    """It is recorded; no packets are."""

    name = "AWS::EC2::FlowLog"
    create_only = (
        *("DeliverCrossAccountRole", "DeliverLogsPermissionArn", "DestinationOptions", "LogDestination"),
        *("LogDestinationType", "LogFormat", "LogGroupName", "MaxAggregationInterval", "ResourceId"),
        *("ResourceType", "TagFieldSpecifications", "TrafficType"),
    )

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it."""
        values = {name: value for name, value in properties.items() if name not in ("ResourceId", "Tags")}
        values["ResourceIds"] = [properties["ResourceId"]]
        values["TagSpecifications"] = tag_specifications("vpc-flow-log", properties)
        made = client("ec2").create_flow_logs(**request_values("ec2", "CreateFlowLogs", values))
        found: str = made["FlowLogIds"][0]
        # The emulator reads the tags of another kind.
        replace_tags(found, {}, properties)
        return found, {"Id": found}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Its tags."""
        replace_tags(physical_id, old, new)
        return {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        client("ec2").delete_flow_logs(FlowLogIds=[physical_id])
