"""S3's default key: a write that asks for `aws:kms` and names no key takes the account's own, `aws/s3`.

MiniStack refuses such a write; `cdk deploy` makes them, as `cdk bootstrap`'s bucket is encrypted that way.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import s3

ALGORITHM = "x-amz-server-side-encryption"
KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def install() -> None:
    """Complete MiniStack's S3 in place."""
    resolve = s3._resolve_sse_write_headers

    def with_default_key(headers: dict[str, str], bucket: str) -> Any:
        if headers.get(ALGORITHM) == "aws:kms" and not headers.get(KEY):
            key = f"arn:aws:kms:{get_region()}:{get_account_id()}:alias/aws/s3"
            return resolve({**headers, KEY: key}, bucket)
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = with_default_key
