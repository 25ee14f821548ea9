"""Operations on what belongs to the account: tags, security configurations, block public access."""

import json
import time
from typing import Any

from rehearsal.emr.errors import invalid_request
from rehearsal.emr.requests.pages import page
from rehearsal.emr.requests.tags import checked_tags
from rehearsal.emr.state.account import AccountState
from rehearsal.emr.state.cluster import Cluster

Request = dict[str, Any]


def add_tags(state: AccountState, request: Request) -> Request:
    """AddTags."""
    cluster = _tagged(state, request["ResourceId"])
    with cluster.changed:
        cluster.tags = checked_tags(cluster.tags, request["Tags"])
    return {}


def remove_tags(state: AccountState, request: Request) -> Request:
    """RemoveTags: keys that are not there do not matter."""
    cluster = _tagged(state, request["ResourceId"])
    with cluster.changed:
        cluster.tags = {key: value for key, value in cluster.tags.items() if key not in request["TagKeys"]}
    return {}


def create_security(state: AccountState, request: Request) -> Request:
    """CreateSecurityConfiguration."""
    name, text = request["Name"], request["SecurityConfiguration"]
    if name in state.security_configurations:
        raise invalid_request(f"SecurityConfiguration with name '{name}' already exists.")
    if not _is_json(text):
        raise invalid_request("SecurityConfiguration must be a JSON document.")
    now = time.time()
    state.security_configurations[name] = text, now
    return {"Name": name, "CreationDateTime": now}


def describe_security(state: AccountState, request: Request) -> Request:
    """DescribeSecurityConfiguration."""
    text, created = _security(state, request["Name"])
    return {"Name": request["Name"], "SecurityConfiguration": text, "CreationDateTime": created}


def delete_security(state: AccountState, request: Request) -> Request:
    """DeleteSecurityConfiguration."""
    _security(state, request["Name"])
    del state.security_configurations[request["Name"]]
    return {}


def list_security(state: AccountState, request: Request) -> Request:
    """ListSecurityConfigurations."""
    told, marker = page(
        list(state.security_configurations.items()),
        request.get("Marker"),
        lambda item: {"Name": item[0], "CreationDateTime": item[1][1]},
    )
    return {"SecurityConfigurations": told, "Marker": marker}


def get_public_access(state: AccountState, request: Request) -> Request:
    """GetBlockPublicAccessConfiguration."""
    return {
        "BlockPublicAccessConfiguration": state.public_access,
        "BlockPublicAccessConfigurationMetadata": {
            "CreationDateTime": state.public_access_since,
            "CreatedByArn": f"arn:aws:iam::{state.account}:root",
        },
    }


def put_public_access(state: AccountState, request: Request) -> Request:
    """PutBlockPublicAccessConfiguration."""
    asked = request["BlockPublicAccessConfiguration"]
    state.public_access = {"PermittedPublicSecurityGroupRuleRanges": [], **asked}
    state.public_access_since = time.time()
    return {}


def _tagged(state: AccountState, resource_id: str) -> Cluster:
    cluster_id = resource_id.rpartition("/")[2]
    if cluster_id not in state.controllers:
        raise invalid_request(f"Resource id '{resource_id}' is not valid.")
    return state.cluster(cluster_id)


def _security(state: AccountState, name: str) -> tuple[str, float]:
    if name not in state.security_configurations:
        raise invalid_request(f"Security configuration with name '{name}' does not exist.")
    return state.security_configurations[name]


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


OPERATIONS = {
    "AddTags": add_tags,
    "RemoveTags": remove_tags,
    "CreateSecurityConfiguration": create_security,
    "DescribeSecurityConfiguration": describe_security,
    "DeleteSecurityConfiguration": delete_security,
    "ListSecurityConfigurations": list_security,
    "GetBlockPublicAccessConfiguration": get_public_access,
    "PutBlockPublicAccessConfiguration": put_public_access,
}
