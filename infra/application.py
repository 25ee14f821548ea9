"""The application: the three stacks of a stage, put together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, Tags

from infra.checkout import cdk_json_context
from infra.config.deployment import DeploymentConfig
from infra.contract.names import cost_tags
from infra.stacks.monitoring import MonitoringStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.storage import StorageStack


def build_app(context: Mapping[str, Any] | None = None, *, outdir: Path | None = None) -> App:
    """Make the CDK app with its stacks, not yet synthesised. Raises ConfigError.

    Storage and monitoring are deployed first: a pipeline that fails finds its data, its alarms and its budget
    in place.

    Args:
        context: Fields of the configuration, as `-c` gives them; what `cdk` passes on goes before them.
        outdir: Where `synth` writes; None: where `cdk` says, else a new temporary folder.
    """
    folder = str(outdir) if outdir else None
    app = App(context={**feature_flags(), **(context or {})}, outdir=folder, analytics_reporting=False)
    config = DeploymentConfig.from_context(app.node.get_all_context())
    storage, monitoring = StorageStack(app, config), MonitoringStack(app, config)
    pipeline = PipelineStack(app, config, storage=storage, monitoring=monitoring)
    pipeline.add_stack_dependency(storage)
    pipeline.add_stack_dependency(monitoring)
    for tag, value in cost_tags(config.stage).items():
        Tags.of(app).add(tag, value)
    return app


def feature_flags() -> dict[str, Any]:
    """Return CDK's flags as cdk.json sets them, so that tests and `cdk` synthesise the same."""
    flags = cdk_json_context().items()
    return {name: value for name, value in flags if name.startswith(("@aws-cdk/", "aws-cdk:"))}
