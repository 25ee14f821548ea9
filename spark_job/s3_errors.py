"""What S3's refusals mean, and what a person can do about them."""

import re
from contextlib import closing
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from spark_job.storage import s3_endpoint

# Codes that concern one object, not the whole run:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
OF_ONE_OBJECT = {
    "InvalidObjectState": "the object is archived: restore it in S3, then run again",
    "AccessDenied": (
        "access is denied: let the bucket's policy, and the key that encrypts the object, allow reading, "
        "then run again"
    ),
    "InvalidRequest": (
        "S3 refuses to give the object, as it does when it is encrypted with a customer's own key (SSE-C): "
        "store it again with another encryption"
    ),
}
_KMS = (
    "the key that encrypts the object cannot be used ({}): enable it, or let it allow decrypting, "
    "then run again"
)
# Codes that concern every object: what the person who started the run must do before it goes on.
OF_ALL = {
    "ExpiredToken": "the AWS login has expired: log in again, then go on",
    "TokenRefreshRequired": "the AWS login has expired: log in again, then go on",
    "InvalidAccessKeyId": "AWS does not know these credentials: set others",
    "InvalidToken": "AWS does not know these credentials: set others",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: set both again",
    "RequestTimeTooSkewed": "the clock of this machine is wrong: set it",
    "NoSuchBucket": "there is no such bucket: check its name",
    "AccessDenied": "access is denied: let the bucket's policy and your role allow it",
}
# What obstore and S3 say where a bucket lies in another region.
_ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "redirect without LOCATION")
_SECONDS = 5.0


def error_code(error: BaseException) -> str | None:
    """Return S3's code for an error of obstore, as `AccessDenied`; None: S3 gave none."""
    found = re.search(r"<Code>([\w.]+)</Code>", str(error))
    return found[1] if found else None


def reason_of_one(error: BaseException) -> str | None:
    """Return why S3 does not give one object; None: the error does not concern that object alone."""
    code = error_code(error)
    if code and code.startswith("KMS."):
        return _KMS.format(code)
    return OF_ONE_OBJECT.get(code or "")


def reason_of_all(error: BaseException, bucket: str) -> str | None:
    """Return what ends the run and how it can go on; None: nothing that a person could mend."""
    if any(words in str(error) for words in _ELSEWHERE):
        region = region_of(bucket)
        return f"the bucket lies in another region: set AWS_REGION={region or 'to that of the bucket'}"
    code = error_code(error)
    return f"{OF_ALL[code]} ({code})" if code in OF_ALL else None


def region_of(bucket: str) -> str | None:
    """Ask S3 in which region a bucket lies, which it says without credentials; None: no answer."""
    endpoint = s3_endpoint()
    place = urlsplit(endpoint or f"https://{bucket}.s3.amazonaws.com")
    connect = HTTPConnection if place.scheme == "http" else HTTPSConnection
    try:
        with closing(connect(place.netloc, timeout=_SECONDS)) as connection:
            connection.request("HEAD", f"/{bucket}" if endpoint else "/")
            return connection.getresponse().getheader("x-amz-bucket-region")
    except OSError:
        return None
