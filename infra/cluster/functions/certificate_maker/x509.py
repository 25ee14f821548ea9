"""A self-signed X.509 certificate with the standard library, which in Lambda has no such thing.

The key pair is made elsewhere (KMS); here are only DER's encoding (ITU-T X.690), the certificate's layout
(RFC 5280) and RSA's signature with SHA-256 (RFC 8017, 8.2.1).
"""

import base64
import hashlib
import textwrap
from dataclasses import dataclass
from datetime import datetime

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, UTF8 = 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C
UTC_TIME, SEQUENCE, SET = 0x17, 0x30, 0x31
VERSION, EXTENSIONS, DNS_NAME = 0xA0, 0xA3, 0x82
TRUE = bytes.fromhex("0101ff")
# Object identifiers, encoded.
SHA256_WITH_RSA = bytes.fromhex("2a864886f70d01010b")
COMMON_NAME = bytes.fromhex("550403")
BASIC_CONSTRAINTS = bytes.fromhex("551d13")
ALTERNATIVE_NAME = bytes.fromhex("551d11")
# RFC 8017, 9.2, note 1: what stands before a SHA-256 in a signature.
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass(frozen=True)
class RsaKey:
    """Modulus and exponents of a private RSA key."""

    modulus: int
    public_exponent: int
    private_exponent: int

    def sign(self, message: bytes) -> bytes:
        """Sign with RSASSA-PKCS1-v1_5 and SHA-256; the signature is verified before it is returned."""
        size = (self.modulus.bit_length() + 7) // 8
        digest = SHA256_PREFIX + hashlib.sha256(message).digest()
        padded = int.from_bytes(b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest)
        signature = pow(padded, self.private_exponent, self.modulus)
        if pow(signature, self.public_exponent, self.modulus) != padded:
            raise ValueError("the key pair does not fit together: its signature does not verify")
        return signature.to_bytes(size)


def encoded(tag: int, *parts: bytes) -> bytes:
    """Encode one DER value."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(value: int) -> bytes:
    """Encode an integer that is not negative, as DER."""
    return encoded(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def values(der: bytes) -> list[bytes]:
    """Return the contents of the DER values that stand one after the other."""
    contents = []
    while der:
        size, start = der[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[2:start])
        contents.append(der[start : start + size])
        der = der[start + size :]
    return contents


def rsa_key(pkcs8: bytes) -> RsaKey:
    """Read the RSA key in a PKCS #8 structure (RFC 5958), as KMS gives it."""
    (outer,) = values(pkcs8)
    (inner,) = values(values(outer)[2])
    _, modulus, public, private = (int.from_bytes(part) for part in values(inner)[:4])
    return RsaKey(modulus, public, private)


def self_signed(pkcs8: bytes, public: bytes, name: str, serial: int, begin: datetime, end: datetime) -> bytes:
    """Return the certificate, in DER, of the host names that `name` stands for, `*` included.

    Args:
        pkcs8: The private key.
        public: Its public half as SubjectPublicKeyInfo, in DER.
        serial: Above 0, less than 2**159.
        begin, end: In UTC, before 2050.
    """
    algorithm = encoded(SEQUENCE, encoded(OID, SHA256_WITH_RSA), encoded(NULL))
    common_name = encoded(SEQUENCE, encoded(OID, COMMON_NAME), encoded(UTF8, name.encode()))
    subject = encoded(SEQUENCE, encoded(SET, common_name))
    times = [encoded(UTC_TIME, f"{time:%y%m%d%H%M%SZ}".encode()) for time in (begin, end)]
    # The certificate may sign itself, and has this name.
    authority = encoded(OCTET_STRING, encoded(SEQUENCE, TRUE))
    may_sign = encoded(SEQUENCE, encoded(OID, BASIC_CONSTRAINTS), TRUE, authority)
    alternative = encoded(OCTET_STRING, encoded(SEQUENCE, encoded(DNS_NAME, name.encode("ascii"))))
    named = encoded(SEQUENCE, encoded(OID, ALTERNATIVE_NAME), alternative)
    extensions = encoded(EXTENSIONS, encoded(SEQUENCE, may_sign, named))
    facts = (algorithm, subject, encoded(SEQUENCE, *times), subject, public, extensions)
    version = encoded(VERSION, integer(2))  # counts from 0: version 3
    body = encoded(SEQUENCE, version, integer(serial), *facts)
    signature = encoded(BIT_STRING, b"\x00", rsa_key(pkcs8).sign(body))
    return encoded(SEQUENCE, body, algorithm, signature)


def pem(label: str, der: bytes) -> str:
    """Return the PEM text of a DER value (RFC 7468)."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
