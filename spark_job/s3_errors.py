"""What S3's refusals mean, and what a person can do about them."""

import os
import re
from contextlib import closing
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from obstore.exceptions import UnauthenticatedError

from spark_job.contract.uris import is_s3, root_and_key

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
# What passes by itself: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
_PASSES = ("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted")


def s3_endpoint() -> str:
    """Return the address of another S3 than AWS's own; empty: AWS's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")


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


def reason_of_all(error: BaseException, uri: str) -> str | None:
    """Return what ends the run and how it can go on; None: nothing that a person could mend, or no S3."""
    if not is_s3(uri):
        return None
    if any(words in str(error) for words in _ELSEWHERE):
        region = region_of(root_and_key(uri)[0].removeprefix("s3://"))
        return f"the bucket lies in another region: set AWS_REGION={region or 'to that of the bucket'}"
    code = error_code(error)
    if isinstance(error, UnauthenticatedError) and not code:  # what boto3 says when it renews credentials
        told = str(error).splitlines()[0].rpartition("credential provider: ")[2]
        return f"the AWS login has expired or cannot be renewed: log in again, then go on ({told})"
    return f"{OF_ALL[code]} ({code})" if code in OF_ALL else None


def passes_by_itself(error: BaseException) -> bool:
    """Return whether S3 was busy or the line broken: nothing that a person must mend."""
    code = error_code(error)
    return code in _PASSES if code else not isinstance(error, UnauthenticatedError)


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
