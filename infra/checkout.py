"""The checkout: the folder that holds `cdk.json`, the packages and what set-up makes."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def cdk_json_context() -> dict[str, Any]:
    """Return the context that cdk.json gives every synthesis of this checkout."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text()).get("context", {})
    return context
