"""What every page of the report is made with: templates, scripts, and the policy that lets only those run."""

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, StrictUndefined

from spark_job.report import quantities


def environment() -> Environment:
    """Templates that escape what they are given, with the filters of the report."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        count=quantities.count,
        percent=quantities.percent,
        duration=quantities.duration,
        speed=quantities.speed,
    )
    return environment


def asset(name: str) -> str:
    """A text file of the report's own."""
    return resources.files("spark_job.report").joinpath("assets", name).read_text("utf-8")


def plotly() -> str:
    """plotly.js, minified, with its licence; it holds no `</script` (a test looks)."""
    return resources.files("plotly").joinpath("package_data", "plotly.min.js").read_text("utf-8")


def hash_source(script: str) -> str:
    """How a Content-Security-Policy names an inline script that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
