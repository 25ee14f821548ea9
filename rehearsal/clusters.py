"""The rehearsal's EMR as a whole: its service, the machine under its clusters, and the end of both."""

from subprocess import Popen

from rehearsal.emr.conditions import Conditions
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.permissions.metadata import metadata_path
from rehearsal.emulator.services.emr import EmulatedAccount, put_event
from rehearsal.machine.cluster import machine
from rehearsal.processes import start_guardian
from rehearsal.rewriting import EmulatedAws
from rehearsal.settings import Settings

# The guardian sweeps when the last holder of its standard input is gone: it must live as long as the server.
_guardians: list[Popen[bytes]] = []


def elastic_map_reduce(settings: Settings) -> ElasticMapReduce:
    """Return the EMR that `rehearsal.emulator.gateway` serves; called once in its process.

    Raises FruitError: YARN's jars have not been fetched, or there is no Java.
    """
    metadata = settings.endpoint + metadata_path() if settings.checks_permissions else None
    aws = EmulatedAws(settings.endpoint, settings.region, *settings.keys, metadata)
    conditions = Conditions()
    compute = machine(settings.clusters, aws, lambda: conditions.logs_late)
    _guardians.append(start_guardian(settings.clusters))
    return ElasticMapReduce(compute, put_event, surroundings=EmulatedAccount(), conditions=conditions)
