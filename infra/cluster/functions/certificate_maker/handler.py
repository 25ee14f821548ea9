"""CloudFormation asks for a certificate archive, and later for its removal; a rule asks for its renewal."""

from __future__ import annotations

import io
import json
import secrets
import urllib.request
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3

from .x509 import pem, self_signed

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

VALID_DAYS = 397
# The rule asks every 30 days: after 300 days three times before the certificate expires. A cluster that is up
# for so long keeps the old one, and nodes that join it later would not be trusted by the others.
RENEWED_AFTER = timedelta(days=300)
RENEW = "Renew"
RESPONSE_TIMEOUT_SECONDS = 20
Event = dict[str, Any]


def handle(event: Event, context: Any) -> None:
    """Answer CloudFormation in every case, or the stack would wait for an hour; a renewal has no answer."""
    if event["RequestType"] == RENEW:
        respond(event, boto3.client("s3"), boto3.client("kms"))
        return
    answer: Event = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer["PhysicalResourceId"] = event.get("PhysicalResourceId", "none")
    try:
        answer |= respond(event, boto3.client("s3"), boto3.client("kms")) | {"Status": "SUCCESS"}
    except Exception as error:
        # Class and message of AWS's refusal; never the key, which no exception here holds.
        answer |= {"Status": "FAILED", "Reason": f"certificate: {type(error).__name__}: {error}"[:900]}
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT")  # noqa: S310 (CloudFormation's)
    request.add_header("Content-Type", "")  # the presigned URL was signed without one
    urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT_SECONDS).close()  # noqa: S310


def respond(event: Event, s3: S3Client, kms: KMSClient) -> Event:
    """Make, keep or remove the archive, and return the custom resource: its id, and the archive's URI."""
    if event["RequestType"] == "Delete":
        if event["PhysicalResourceId"] != "none":  # else its creation failed
            bucket, key = json.loads(event["PhysicalResourceId"])
            _delete(bucket, key, _versions(bucket, key, s3), s3)
        return {}
    wanted, now = event["ResourceProperties"], datetime.now(UTC)
    bucket, key = wanted["Bucket"], wanted["Key"]
    before = _versions(bucket, key, s3)
    # After a failed update CloudFormation asks for the archive before: nodes have it, and it must stay. Under
    # the same key an update asks for another host name or another KMS key.
    suits = key != event.get("OldResourceProperties", {}).get("Key")
    if not (suits and any(now - made < RENEWED_AFTER for made in before.values())):
        pair = kms.generate_data_key_pair(KeyId=wanted["KeyArn"], KeyPairSpec="RSA_2048")
        archive = certificate_archive(pair["PrivateKeyPlaintext"], pair["PublicKey"], wanted["HostName"], now)
        s3.put_object(Bucket=bucket, Key=key, Body=archive)
        _delete(bucket, key, before, s3)
    return {"PhysicalResourceId": json.dumps([bucket, key]), "Data": {"Uri": f"s3://{bucket}/{key}"}}


def certificate_archive(private_key: bytes, public_key: bytes, name: str, now: datetime) -> bytes:
    """Return the zip of PEM files that EMR wants.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
    """
    begin = now - timedelta(hours=1)  # clocks differ
    serial = secrets.randbits(128) + 1
    certificate = self_signed(private_key, public_key, name, serial, begin, now + timedelta(days=VALID_DAYS))
    chain = pem("CERTIFICATE", certificate)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("privateKey.pem", pem("PRIVATE KEY", private_key))
        files.writestr("certificateChain.pem", chain)
        files.writestr("trustedCertificates.pem", chain)
    return archive.getvalue()


def _versions(bucket: str, key: str, s3: S3Client) -> dict[str, datetime]:
    """Return the versions of the archive, each with the time when it was made."""
    pages = s3.list_object_versions(Bucket=bucket, Prefix=key)
    found = [version for version in pages.get("Versions", []) if version["Key"] == key]
    return {version["VersionId"]: version["LastModified"] for version in found}


def _delete(bucket: str, key: str, versions: Iterable[str], s3: S3Client) -> None:
    """Delete these very versions: a delete marker would leave the key readable below it."""
    for version in versions:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
