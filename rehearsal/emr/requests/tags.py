"""Tags of a cluster and their limits."""

from collections.abc import Mapping
from typing import Any

from rehearsal.emr.errors import refused

# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html
MOST_TAGS = 50
LONGEST_KEY = 128
LONGEST_VALUE = 256


def checked_tags(present: Mapping[str, str], added: list[dict[str, Any]]) -> dict[str, str]:
    """Return the tags that a cluster has when those are added.

    Raises:
        EmrError: too many, too long, without a key, or with AWS's own prefix.
    """
    tags = dict(present)
    for tag in added:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not key or len(key) > LONGEST_KEY:
            raise refused(f"Tag keys must have 1 to {LONGEST_KEY} characters: '{key}'.")
        if len(value) > LONGEST_VALUE:
            raise refused(f"Tag values must have at most {LONGEST_VALUE} characters: that of '{key}'.")
        if key.lower().startswith("aws:"):
            raise refused(f"Tag keys must not begin with 'aws:': '{key}'.")
        tags[key] = value
    if len(tags) > MOST_TAGS:
        raise refused(f"A cluster may have at most {MOST_TAGS} tags, not {len(tags)}.")
    return tags
