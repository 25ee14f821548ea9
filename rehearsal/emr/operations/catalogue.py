"""Operations on what EMR offers: releases and instance types."""

from typing import Any

from infra.config.instances import InstanceType, instance_types
from rehearsal.emr.errors import invalid_request
from rehearsal.emr.releases import RELEASES, is_release
from rehearsal.emr.requests.pages import page
from rehearsal.emr.state.account import AccountState

Request = dict[str, Any]


def list_releases(state: AccountState, request: Request) -> Request:
    """ListReleaseLabels, by the filters on prefix and application (`spark@3.5.5` or `spark`)."""
    filters = request.get("Filters", {})
    prefix, application = filters.get("Prefix", ""), filters.get("Application", "").lower()
    found = [
        label
        for label, versions in RELEASES.items()
        if label.startswith(prefix) and application in ("", *_filters(versions))
    ]
    labels, token = page(found, request.get("NextToken"), str, request.get("MaxResults", 100))
    return {"ReleaseLabels": labels, "NextToken": token}


def describe_release(state: AccountState, request: Request) -> Request:
    """DescribeReleaseLabel: the latest one when none is named."""
    label = request.get("ReleaseLabel", next(iter(RELEASES)))
    if label not in RELEASES:
        raise invalid_request(f"The supplied release label is invalid: {label}.")
    hadoop, spark = RELEASES[label]
    applications = [{"Name": "Hadoop", "Version": hadoop}, {"Name": "Spark", "Version": spark}]
    told, token = page(applications, request.get("NextToken"), dict, request.get("MaxResults", 100))
    return {"ReleaseLabel": label, "Applications": told, "NextToken": token, "AvailableOSReleases": []}


def list_instance_types(state: AccountState, request: Request) -> Request:
    """ListSupportedInstanceTypes: those that this project knows, in the region."""
    if not is_release(request["ReleaseLabel"]):
        raise invalid_request(f"The supplied release label is invalid: {request['ReleaseLabel']}.")
    # The survey holds some regions; elsewhere all of its types count as offered.
    everything = instance_types().values()
    offered = [each for each in everything if state.region in each.regions] or list(everything)
    told, marker = page(offered, request.get("Marker"), _instance_type)
    return {"SupportedInstanceTypes": told, "Marker": marker}


def _filters(versions: tuple[str, str]) -> list[str]:
    hadoop, spark = versions
    return ["hadoop", "spark", f"hadoop@{hadoop}", f"spark@{spark}"]


def _instance_type(known: InstanceType) -> Request:
    return {
        "Type": known.name,
        "MemoryGB": known.memory_mib / 1024,
        "VCPU": known.vcpu,
        "Is64BitsOnly": True,
        "InstanceFamilyId": known.name.partition(".")[0],
        "EbsOptimizedAvailable": True,
        "EbsOptimizedByDefault": True,
        "Architecture": known.architecture.upper(),
    }


OPERATIONS = {
    "ListReleaseLabels": list_releases,
    "DescribeReleaseLabel": describe_release,
    "ListSupportedInstanceTypes": list_instance_types,
}
