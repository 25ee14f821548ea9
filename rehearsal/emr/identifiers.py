"""Identifiers, names and addresses as EMR and EC2 make them."""

import secrets
import string

ALPHABET = string.ascii_uppercase + string.digits


def new_id(prefix: str) -> str:
    """`PREFIX-` and 13 capitals and digits: `j` cluster, `s` step, `ci` instance, `if` fleet, `ig` group."""
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _ in range(13))


def new_instance_id() -> str:
    """EC2's id of an instance."""
    return f"i-{secrets.token_hex(9)[:17]}"


def new_volume_id() -> str:
    """EC2's id of a volume."""
    return f"vol-{secrets.token_hex(9)[:17]}"


def cluster_arn(region: str, account: str, cluster_id: str) -> str:
    """The cluster's Amazon resource name."""
    return f"arn:aws:elasticmapreduce:{region}:{account}:cluster/{cluster_id}"


def new_private_address() -> str:
    """An address within 10.0.0.0/16, as EC2 gives in a network of that range."""
    return f"10.0.{secrets.randbelow(256)}.{4 + secrets.randbelow(250)}"


def private_name(address: str, region: str) -> str:
    """The private DNS name that EC2 gives to an address."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"
