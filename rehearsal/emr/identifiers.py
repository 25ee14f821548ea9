"""Identifiers, names and addresses as EMR and EC2 make them."""

import secrets
import string

ALPHABET = string.ascii_uppercase + string.digits


def new_id(prefix: str) -> str:
    """Return an id of EMR: `PREFIX-` and 13 capitals and digits.

    The prefix is `j` of a cluster, `s` of a step, `ci` of an instance, `if` of a fleet, `ig` of a group.
    """
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _ in range(13))


def new_ec2_id() -> str:
    """Return an id of an EC2 instance: `i-` and 17 hexadecimal digits."""
    return f"i-{secrets.token_hex(9)[:17]}"


def new_private_address() -> str:
    """Return an address within 10.0.0.0/16, as EC2 gives in a network of that range."""
    return f"10.0.{secrets.randbelow(256)}.{4 + secrets.randbelow(250)}"


def new_public_address() -> str:
    """Return an address that documentation may use, so that nobody is reached by it."""
    return f"203.0.113.{secrets.randbelow(256)}"


def dns_name(address: str, region: str, *, public: bool) -> str:
    """Return the DNS name that EC2 gives to an address."""
    first = region == "us-east-1"
    if public:
        domain = f"{'compute-1' if first else f'{region}.compute'}.amazonaws.com"
    else:
        domain = "ec2.internal" if first else f"{region}.compute.internal"
    return f"{'ec2' if public else 'ip'}-{address.replace('.', '-')}.{domain}"
