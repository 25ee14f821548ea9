"""`fruit tunnel`: Session Manager's command for the web pages on the primary node."""

import json
import shlex
import shutil
import subprocess

import click

from infra.contract.names import PORT_FORWARDING
from operate.connection import Connection, connected
from operate.emr.clusters import Cluster, Node, list_fleets, list_nodes
from operate.emr.steps import list_steps
from operate.errors import OperateError
from operate.printing import json_option, print_result, say
from operate.runs.run_history import meant_clusters
from operate.runs.watch import logs_of

# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-web-interfaces.html
# In cluster mode the driver is on a core node; the primary node's proxy leads to its Spark UI.
# https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-jupyterhub-connect.html
PORTS = {"history": 18080, "spark": 20888, "yarn": 8088, "jupyter": 9443}
# With encryption in transit Spark's history has its port + 400, YARN's page has another one.
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-support-matrix.html
# https://hadoop.apache.org/docs/r3.4.1/hadoop-yarn/hadoop-yarn-common/yarn-default.xml
TLS_PORTS = PORTS | {"history": 18480, "yarn": 8090}
JUPYTER = "JupyterHub"
PLUGIN = "session-manager-plugin"


@click.command("tunnel")
@click.argument("page", type=click.Choice(list(PORTS)), default="history")
@click.option("--cluster", "cluster_id", metavar="ID", help="This cluster.  [default: the one that is up]")
@click.option("--local-port", type=click.IntRange(1024, 65535), help="Port here.  [default: the page's own]")
@click.option("--run", "open_it", is_flag=True, help="Open the tunnel; Ctrl-C closes it.")
@json_option
@connected
def tunnel_command(
    connection: Connection,
    /,
    page: str,
    cluster_id: str | None,
    local_port: int | None,
    open_it: bool,
    as_json: bool,
) -> None:
    """Show the command that opens a web page of the cluster here: Spark's history, its UI, YARN, JupyterHub.

    The command uses Session Manager, so it needs no SSH key and no open port. It needs the AWS CLI and its
    session-manager-plugin.

    \b
    Example:
      fruit tunnel history --run
    """
    cluster = live_cluster(connection, cluster_id)
    if page == "jupyter" and JUPYTER not in cluster.applications:
        raise OperateError(
            f"cluster {cluster.id} has no {JUPYTER}: "
            f"`make deploy CONTEXT='-c applications={JUPYTER} -c idle_timeout_minutes=60'` starts one that "
            "has it, and that stays an hour after it was last used"
        )
    node = primary_node(connection, cluster.id)
    encrypted = encrypts_in_transit(connection, cluster)
    remote_port = (TLS_PORTS if encrypted else PORTS)[page]
    port = local_port or remote_port
    command = session_command(node.ec2_id, remote_port, port, connection.region)
    # JupyterHub has a certificate of its own in any case.
    scheme = "https" if encrypted or page == "jupyter" else "http"
    url = f"{scheme}://localhost:{port}{path_of(connection, cluster.id, page)}"
    if scheme == "https":
        say("the page has a certificate that was made for this cluster: the browser warns of it once")
    if not open_it:
        facts = {"command": command, "url": url, "instance_id": node.ec2_id}
        print_result(facts, f"{shlex.join(command)}\nthen open {url}", as_json=as_json)
        return
    for tool in (command[0], PLUGIN):
        if not shutil.which(tool):
            raise OperateError(f"{tool} is not on PATH: install it, or run elsewhere: {shlex.join(command)}")
    say(f"open {url}; Ctrl-C closes the tunnel")
    if subprocess.run(command, check=False).returncode:
        raise OperateError(f"the tunnel to {node.ec2_id} ended with an error; AWS CLI says why above")


def live_cluster(connection: Connection, cluster_id: str | None) -> Cluster:
    """Return the one cluster that is meant and up. Raises OperateError where there is none, or several."""
    clusters = meant_clusters(connection, cluster_id)
    live = [cluster for cluster in clusters if cluster.live]
    if len(live) > 1:
        names = ", ".join(f"{cluster.id} ({cluster.name})" for cluster in live)
        raise OperateError(f"{len(live)} clusters are up: choose one with --cluster: {names}")
    if live:
        return live[0]
    ended = f"cluster {clusters[0].id} is {clusters[0].state}" if clusters else "there is no cluster"
    raise OperateError(f"{ended}: its pages are gone; `logs` still reads its logs")


def path_of(connection: Connection, cluster_id: str, page: str) -> str:
    """Return the page's path: the Spark UI is below its application's id, once the step's log holds it."""
    if page != "spark":
        return "/"
    for step in list_steps(connection.client("emr"), cluster_id)[:1]:
        application = logs_of(connection, cluster_id, step.id).application_id()
        if application:
            return f"/proxy/{application}/"
    say("the latest step's log does not tell its application yet: the page `yarn` lists all")
    return "/"


def encrypts_in_transit(connection: Connection, cluster: Cluster) -> bool:
    """Return whether the cluster's security configuration encrypts what goes between nodes."""
    if not cluster.security_configuration:
        return False
    emr = connection.client("emr")
    answer = emr.describe_security_configuration(Name=cluster.security_configuration)
    encryption = json.loads(answer["SecurityConfiguration"]).get("EncryptionConfiguration", {})
    return bool(encryption.get("EnableInTransitEncryption"))


def session_command(instance_id: str, port: int, local_port: int, region: str) -> list[str]:
    """Return the AWS command line's words that bring one port of one instance here."""
    parameters = json.dumps({"portNumber": [str(port)], "localPortNumber": [str(local_port)]})
    return [
        *("aws", "ssm", "start-session", f"--region={region}", f"--target={instance_id}"),
        *(f"--document-name={PORT_FORWARDING}", f"--parameters={parameters}"),
    ]


def primary_node(connection: Connection, cluster_id: str) -> Node:
    """Return the node that serves the pages. Raises OperateError where there is none yet."""
    emr = connection.client("emr")
    fleets = {fleet.id for fleet in list_fleets(emr, cluster_id) if fleet.kind == "MASTER"}
    for node in list_nodes(emr, cluster_id):
        if node.fleet_id in fleets and node.ec2_id and not node.gone:
            return node
    raise OperateError(f"cluster {cluster_id} has no primary node yet: try again in a minute")
