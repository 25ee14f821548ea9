"""CloudFormation asks for a certificate archive, and later for its removal: a custom resource."""

from __future__ import annotations

import io
import json
import secrets
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3

from .x509 import pem, self_signed

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

# Longer than any cluster lives: EMR ends an idle one, and the next run gets a certificate of its own.
VALID_DAYS = 397
RESPONSE_TIMEOUT_SECONDS = 20
Event = dict[str, Any]


def handle(event: Event, context: Any) -> None:
    """Answer CloudFormation in every case, or the stack would wait for an hour."""
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
    """Make or remove the archive, and return the custom resource: its id, and the URI of the archive."""
    if event["RequestType"] == "Delete":
        _remove(event["PhysicalResourceId"], s3)
        return {}
    wanted = event["ResourceProperties"]
    pair = kms.generate_data_key_pair(KeyId=wanted["KeyArn"], KeyPairSpec="RSA_2048")
    archive = certificate_archive(
        pair["PrivateKeyPlaintext"], pair["PublicKey"], wanted["HostName"], datetime.now(UTC)
    )
    bucket, key = wanted["Bucket"], wanted["Key"]
    stored = s3.put_object(Bucket=bucket, Key=key, Body=archive)
    identity = json.dumps([bucket, key, stored.get("VersionId")])
    return {"PhysicalResourceId": identity, "Data": {"Uri": f"s3://{bucket}/{key}"}}


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


def _remove(identity: str, s3: S3Client) -> None:
    """Delete the very version that was made: a delete marker would leave the key readable below it."""
    if identity == "none":  # its creation failed
        return
    bucket, key, version = json.loads(identity)
    s3.delete_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
