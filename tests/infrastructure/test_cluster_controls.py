"""Cluster controls of the security review: encryption at rest and in transit, and instances' credentials."""

import json

from tests.infrastructure.synthesis import Synthesis


def only(values):
    (value,) = values
    return value


def security(stacks: Synthesis) -> dict:
    """The security configuration that the cluster runs with."""
    cluster = only(stacks.resources("pipeline", "AWS::EMR::Cluster").values())["Properties"]
    name, body = only(stacks.resources("pipeline", "AWS::EMR::SecurityConfiguration").items())
    assert cluster["SecurityConfiguration"] == {"Ref": name}
    found = body["Properties"]["SecurityConfiguration"]
    return json.loads(found) if isinstance(found, str) else found


def data_key(stacks: Synthesis) -> str:
    """As another stack's template imports it: part of the export's name."""
    return only(stacks.resources("storage", "AWS::KMS::Key"))


def test_prod_encrypts_what_lies_in_s3_with_its_own_key(prod) -> None:
    """SSE-KMS with the storage stack's key."""
    encryption = security(prod)["EncryptionConfiguration"]
    assert encryption["EnableAtRestEncryption"] is True
    in_s3 = encryption["AtRestEncryptionConfiguration"]["S3EncryptionConfiguration"]
    assert in_s3["EncryptionMode"] == "SSE-KMS"
    assert data_key(prod) in json.dumps(in_s3["AwsKmsKey"])


def test_prod_encrypts_the_disks_of_its_nodes(prod) -> None:
    """Instance stores and EBS volumes, root volumes among them, with the same key."""
    disks = security(prod)["EncryptionConfiguration"]["AtRestEncryptionConfiguration"][
        "LocalDiskEncryptionConfiguration"
    ]
    assert disks["EncryptionKeyProviderType"] == "AwsKms"
    assert disks["EnableEbsEncryption"] is True
    assert data_key(prod) in json.dumps(disks["AwsKmsKey"])


def test_dev_encrypts_at_rest_with_s3_s_own_key(dev) -> None:
    """What costs nothing is on in dev too."""
    encryption = security(dev)["EncryptionConfiguration"]
    assert encryption["EnableAtRestEncryption"] is True
    in_s3 = encryption["AtRestEncryptionConfiguration"]["S3EncryptionConfiguration"]
    assert in_s3 == {"EncryptionMode": "SSE-S3"}


def test_prod_encrypts_what_goes_between_nodes(prod) -> None:
    """With certificates made for this deployment, never from the repository."""
    encryption = security(prod)["EncryptionConfiguration"]
    assert encryption["EnableInTransitEncryption"] is True
    certificates = encryption["InTransitEncryptionConfiguration"]["TLSCertificateConfiguration"]
    assert certificates["CertificateProviderType"] == "PEM"
    maker = only(prod.resources("pipeline", "Custom::TransitCertificates"))
    assert certificates["S3Object"] == {"Fn::GetAtt": [maker, "Uri"]}


def test_instances_give_credentials_to_imdsv2_alone(stage) -> None:
    """Version 2, and one hop: no container or proxy gets them."""
    assert security(stage)["InstanceMetadataServiceConfiguration"] == {
        "MinimumInstanceMetadataServiceVersion": 2,
        "HttpPutResponseHopLimit": 1,
    }
