"""The security configuration: what EMR encrypts, and how nodes reach their own credentials."""

from typing import Any


def security_configuration(key_arn: str | None, certificates_uri: str | None) -> dict[str, Any]:
    """Return EMR's security configuration.

    Instances hand out credentials to IMDSv2 alone and over one hop, so no container or proxy gets them.
    What lies in S3 is encrypted in any case; the disks of the nodes with `key_arn` where there is one (EMR
    encrypts disks with KMS only); what goes between nodes where there are certificates.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
    """
    at_rest: dict[str, Any] = {"S3EncryptionConfiguration": {"EncryptionMode": "SSE-S3"}}
    if key_arn:
        at_rest = {
            "S3EncryptionConfiguration": {"EncryptionMode": "SSE-KMS", "AwsKmsKey": key_arn},
            "LocalDiskEncryptionConfiguration": {
                "EncryptionKeyProviderType": "AwsKms",
                "AwsKmsKey": key_arn,
                "EnableEbsEncryption": True,
            },
        }
    encryption = {
        "EnableAtRestEncryption": True,
        "AtRestEncryptionConfiguration": at_rest,
        "EnableInTransitEncryption": certificates_uri is not None,
    }
    if certificates_uri:
        encryption["InTransitEncryptionConfiguration"] = {
            "TLSCertificateConfiguration": {"CertificateProviderType": "PEM", "S3Object": certificates_uri}
        }
    metadata = {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}
    return {"EncryptionConfiguration": encryption, "InstanceMetadataServiceConfiguration": metadata}
