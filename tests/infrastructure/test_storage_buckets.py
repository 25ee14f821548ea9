"""Every bucket is private, encrypted, logged and named by an output."""

from collections import Counter

from tests.infrastructure.storage_template import buckets, encryption, policies, published
from tests.infrastructure.synthesis import only


def test_the_stage_has_the_buckets_it_needs_and_no_other(dev, prod) -> None:
    """Images, results, logs, artifacts, access logs; a replica of the images in prod."""
    assert len(buckets(dev)) == 5
    assert len(buckets(prod)) == 6


def test_no_bucket_can_be_public(stage) -> None:
    """All four blocks are on, and no access control list counts."""
    for properties in (body["Properties"] for body in buckets(stage).values()):
        assert properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert "AccessControl" not in properties


def test_every_bucket_refuses_plain_http_and_old_tls(stage) -> None:
    """Requests without TLS, or with TLS before 1.2, are denied to everybody, for bucket and objects."""
    assert set(policies(stage)) == set(buckets(stage))
    for statements in policies(stage).values():
        denied = [one for one in statements if one["Effect"] == "Deny"]
        tls = [one for one in denied if one["Principal"] == {"AWS": "*"} and one["Action"] == "s3:*"]
        assert [one["Condition"] for one in tls] == [
            {"Bool": {"aws:SecureTransport": "false"}},
            {"NumericLessThan": {"s3:TlsVersion": 1.2}},
        ]
        assert {len(one["Resource"]) for one in tls} == {2}


def test_bucket_policies_let_in_nobody_from_outside(stage) -> None:
    """Who is allowed anything: S3's log delivery for this account, and the function that empties buckets."""
    for statements in policies(stage).values():
        for one in (one for one in statements if one["Effect"] == "Allow"):
            if one["Principal"] == {"Service": "logging.s3.amazonaws.com"}:
                assert one["Action"] == "s3:PutObject"
                assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            else:
                assert "CustomS3AutoDeleteObjects" in str(one["Principal"])


def test_dev_encrypts_with_s3_s_own_key_and_pays_for_none(dev) -> None:
    """A KMS key costs 1 USD a month; dev has none in any stack."""
    for properties in (body["Properties"] for body in buckets(dev).values()):
        assert encryption(properties) == {"SSEAlgorithm": "AES256"}
    assert all(not dev.resources(part, "AWS::KMS::Key") for part in dev.files)


def test_prod_encrypts_with_a_key_of_its_own_that_rotates(prod) -> None:
    """Every bucket but the access logs, for which S3 takes no key; one call for many images."""
    key_id, key = only(list(prod.resources("storage", "AWS::KMS::Key").items()))
    assert key["Properties"]["EnableKeyRotation"] is True
    for name, body in buckets(prod).items():
        if name == published(prod, "AccessLogsBucket"):
            assert encryption(body["Properties"]) == {"SSEAlgorithm": "AES256"}
            continue
        assert encryption(body["Properties"]) == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": {"Fn::GetAtt": [key_id, "Arn"]},
        }
        assert body["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
            "BucketKeyEnabled"
        ]


def test_requests_to_every_bucket_are_logged_to_one_bucket(stage) -> None:
    """Each under a prefix of its own, by policy and not by access control list; the log bucket is not."""
    prefixes, log_bucket = Counter(), published(stage, "AccessLogsBucket")
    for name, body in buckets(stage).items():
        logging = body["Properties"].get("LoggingConfiguration")
        if name == log_bucket:
            assert logging is None
        else:
            assert logging["DestinationBucketName"] == {"Ref": log_bucket}
            prefixes[logging["LogFilePrefix"]] += 1
    assert set(prefixes.values()) == {1}
    assert len(prefixes) == len(buckets(stage)) - 1


def test_the_outputs_name_every_bucket(stage) -> None:
    """What the operating tools look for, under names without a hash."""
    outputs = stage.outputs("storage")
    for name in ("ImagesBucketImages", "ResultsBucket", "LogsBucket", "ArtifactsBucket", "AccessLogsBucket"):
        assert outputs[name]["Value"]["Ref"] in buckets(stage)
    assert outputs["Retention"]["Value"].startswith("images, their versions and replicas 14 days")
