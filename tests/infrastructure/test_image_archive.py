"""Image sources: a bucket and a replica each, or what the company has already."""

import json
from fnmatch import fnmatchcase

import pytest

from infra.checkout import ROOT
from tests.infrastructure.storage_template import buckets, encryption, named, published
from tests.infrastructure.synthesis import as_list, only, synthesise

CLASSIC = ["taille-fixe", "taille-variable"]


def test_prod_replicates_images_but_not_deletions(prod, dev) -> None:
    """Encrypted images too; what is deleted by mistake stays in the replica until it expires there."""
    configuration = named(prod, "ImagesBucketImages")["ReplicationConfiguration"]
    rule = only(configuration["Rules"])
    assert rule["Status"] == "Enabled"
    assert rule["Filter"] == {"Prefix": ""}
    assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    assert rule["Destination"]["Bucket"]["Fn::GetAtt"] == [published(prod, "ReplicaBucketImages"), "Arn"]
    key = only(list(prod.resources("storage", "AWS::KMS::Key")))
    assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": {"Fn::GetAtt": [key, "Arn"]}}
    assert not any("ReplicationConfiguration" in body["Properties"] for body in buckets(dev).values())


def test_the_replication_role_copies_and_does_nothing_else(prod) -> None:
    """S3 alone takes the role; it reads the images, writes the replica, and deletes nothing."""
    role = only([body for name, body in prod.resources("storage", "AWS::IAM::Role").items()])
    assumed = only(role["Properties"]["AssumeRolePolicyDocument"]["Statement"])
    assert assumed["Principal"] == {"Service": "s3.amazonaws.com"}
    policy = only(list(prod.resources("storage", "AWS::IAM::ManagedPolicy").values()))
    actions = [
        action
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in as_list(one["Action"])
    ]
    assert sorted(actions) == [
        "kms:Decrypt",
        "kms:Decrypt",  # of the replica's bucket key
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionTagging",
        "s3:GetReplicationConfiguration",
        "s3:ListBucket",
        "s3:ReplicateObject",
        "s3:ReplicateTags",
    ]


def test_each_image_source_has_a_bucket_and_a_replica_of_its_own() -> None:
    """Two sources may hold the same key, which one replica for both could not keep apart."""
    stacks = synthesise(stage="prod", image_sources=CLASSIC)
    targets = {}
    for source in ("TailleFixe", "TailleVariable"):
        rule = only(named(stacks, f"ImagesBucket{source}")["ReplicationConfiguration"]["Rules"])
        targets[source] = rule["Destination"]["Bucket"]["Fn::GetAtt"][0]
        assert targets[source] == published(stacks, f"ReplicaBucket{source}")
    assert len(set(targets.values())) == 2
    assert stacks.outputs("storage")["ImageSources"]["Value"] == "taille-fixe,taille-variable"


@pytest.mark.parametrize("person", ["deployer", "privacy-officer"])
def test_policies_for_people_reach_the_buckets_of_every_source(person) -> None:
    """CloudFormation names a bucket after its stack and its id in the template."""
    document = json.loads((ROOT / "docs" / "policies" / f"{person}.json").read_text())
    places = [place for one in document["Statement"] for place in as_list(one["Resource"])]
    patterns = [place for place in places if ":s3:::fruit-features-STAGE-storage-archive" in place]
    assert patterns
    stacks = synthesise(stage="prod", image_sources=CLASSIC)
    ids = [published(stacks, f"ImagesBucket{source}") for source in ("TailleFixe", "TailleVariable")]
    for name in ids:
        arn = f"arn:aws:s3:::fruit-features-STAGE-storage-{name.lower()}-1a2b/Banana/1.jpg"
        assert all(fnmatchcase(arn, pattern) for pattern in patterns)


def test_an_existing_image_bucket_is_used_and_not_touched() -> None:
    """Nothing is made for it, no rule of ours reaches it; the others are made as ever."""
    stacks = synthesise(
        stage="prod", image_sources=CLASSIC, existing_image_buckets={"taille-fixe": "company-photographs"}
    )
    assert stacks.outputs("storage")["ImagesBucketTailleFixe"]["Value"] == "company-photographs"
    assert len(buckets(stacks)) == 6  # the other source, its replica, results, logs, artifacts, access logs
    assert "ReplicaBucketTailleFixe" not in stacks.outputs("storage")
    assert "company-photographs" not in str(stacks.json("storage")["Resources"])


def test_an_existing_key_is_used_instead_of_one_of_ours() -> None:
    """No second key is paid for."""
    key = "arn:aws:kms:eu-west-3:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    stacks = synthesise(stage="prod", kms_key_arn=key)
    assert stacks.resources("storage", "AWS::KMS::Key") == {}
    assert encryption(named(stacks, "ResultsBucket"))["KMSMasterKeyID"] == key
