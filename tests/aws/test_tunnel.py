"""`fruit tunnel`: Session Manager leads to the primary node's pages."""

import json
from datetime import UTC, datetime

import boto3
import pytest

from infra.cluster.configurations import security_configuration
from operate.commands.tunnel import path_of, session_command
from operate.connection import Connection
from operate.emr.clusters import Node
from tests.aws.conftest import REGION
from tests.aws.emr_policies import answer_policies

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def policies(monkeypatch):
    answer_policies(monkeypatch)


def test_the_tunnel_command_is_one_port_of_session_manager():
    """No SSH, no key: parameters are JSON in one word."""
    words = session_command("i-1", 18080, 9000, REGION)
    assert words[:3] == ["aws", "ssm", "start-session"]
    assert "--target=i-1" in words
    assert "--document-name=AWS-StartPortForwardingSession" in words
    parameters = next(word for word in words if word.startswith("--parameters=")).partition("=")[2]
    assert json.loads(parameters) == {"portNumber": ["18080"], "localPortNumber": ["9000"]}


def test_jupyter_is_asked_for_in_the_configuration(operate, deployment):
    """A cluster without it has no such page: the message says how to get one that stays for a while."""
    done = operate("tunnel", "jupyter")
    assert done.exit_code == 1
    assert "make deploy CONTEXT='-c applications=JupyterHub -c idle_timeout_minutes=60'" in done.err


def test_the_tunnel_leads_to_the_primary_node(operate, deployment, monkeypatch):
    """Neither to a core node nor to a primary node that is gone."""
    nodes = [
        Node("ci-1", "i-core", "if-CORE", "m5.xlarge", "ON_DEMAND", "RUNNING", False, MOMENT, None),
        Node("ci-2", "i-gone", "if-MASTER", "m5.xlarge", "ON_DEMAND", "TERMINATED", False, MOMENT, MOMENT),
        Node("ci-3", "i-primary", "if-MASTER", "m5.xlarge", "ON_DEMAND", "RUNNING", False, MOMENT, None),
    ]
    monkeypatch.setattr("operate.commands.tunnel.list_nodes", lambda *_: nodes)
    told = operate("tunnel", "yarn", "--json")
    assert (told.json["instance_id"], told.json["url"]) == ("i-primary", "http://localhost:8088/")


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ("history", "https://localhost:18480/"),
        ("spark", "https://localhost:20888/"),
        ("yarn", "https://localhost:8090/"),
    ],
)
def test_pages_of_an_encrypted_cluster_are_on_tls_ports(operate, deployment, monkeypatch, page, url):
    """On the plain ports nothing answers, or leads away from the tunnel."""
    emr = boto3.client("emr", REGION)
    text = json.dumps(security_configuration("arn:aws:kms:eu-west-3:1:key/k", "s3://b/certificates.zip"))
    emr.create_security_configuration(Name="encrypted", SecurityConfiguration=text)
    cluster = emr.describe_cluster(ClusterId=deployment.cluster_id)["Cluster"]
    encrypted = {"Cluster": {**cluster, "SecurityConfiguration": "encrypted"}}
    answer_policies(monkeypatch, DescribeCluster=encrypted)
    node = Node("ci-1", "i-1", "if-MASTER", "m5.xlarge", "ON_DEMAND", "RUNNING", False, MOMENT, None)
    monkeypatch.setattr("operate.commands.tunnel.list_nodes", lambda *_: [node])
    told = operate("tunnel", page, "--json")
    assert told.json["url"] == url
    assert f'"portNumber": ["{url.rpartition(":")[2].rstrip("/")}"]' in told.json["command"][-1]
    assert "the browser warns of it" in told.err


def test_the_spark_ui_lies_below_its_application(deployment):
    """As the latest step's log tells it; before that at the root, where YARN's page helps."""
    connection = Connection("dev", REGION)
    assert path_of(connection, deployment.cluster_id, "spark") == "/"
    (latest,) = boto3.client("emr", REGION).list_steps(ClusterId=deployment.cluster_id)["Steps"]
    boto3.client("s3", REGION).put_object(
        Bucket="fruit-logs",
        Key=f"emr/{deployment.cluster_id}/steps/{latest['Id']}/stderr.gz",
        Body=b"Submitted application application_1_0002",
    )
    assert path_of(connection, deployment.cluster_id, "spark") == "/proxy/application_1_0002/"
    assert path_of(connection, deployment.cluster_id, "history") == "/"


def test_an_ended_cluster_has_no_pages(operate, deployment):
    """The message says what remains."""
    boto3.client("emr", REGION).terminate_job_flows(JobFlowIds=[deployment.cluster_id])
    told = operate("tunnel")
    assert told.exit_code == 1
    assert "its pages are gone; `logs` still reads its logs" in told.err
