"""Puts everything that the rehearsal adds into MiniStack."""

from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.resource_types import metric_math_alarm, resource_type, vpc_attributes
from rehearsal.emulator.resource_types.catalogue import resource_types
from rehearsal.emulator.services import (
    emr,
    instance_type_offerings,
    network_acls,
    object_encryption,
    service_quotas,
)


def extend(service: ElasticMapReduce) -> None:
    """Resource types of CloudFormation, operations of the API, and the EMR that runs."""
    resource_type.install(resource_types())
    metric_math_alarm.install()
    vpc_attributes.install()
    emr.install(service)
    network_acls.install()
    object_encryption.install()
    service_quotas.install()
    instance_type_offerings.install()
