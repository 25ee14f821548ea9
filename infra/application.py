"""The application: the three stacks of a stage, put together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment

from infra.checkout import cdk_json_context
from infra.config.deployment import DeploymentConfig
from infra.naming import stack_name, tag_everything
from infra.stacks.monitoring import MonitoringStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.storage import StorageStack


def build_app(context: Mapping[str, Any] | None = None, *, outdir: Path | None = None) -> App:
    """The CDK app with its stacks, not yet synthesised.

    Args:
        context: fields of the configuration, as `-c` gives them; what `cdk` passes on goes before them.
        outdir: where `synth` writes; none: where `cdk` says, else a new temporary folder.

    Raises:
        ConfigError: a field cannot be used.
    """
    app = App(
        context={**feature_flags(), **(context or {})},
        outdir=str(outdir) if outdir else None,
        analytics_reporting=False,
    )
    config = DeploymentConfig.from_context(app.node.get_all_context())
    add_stacks(app, config)
    return app


def add_stacks(app: App, config: DeploymentConfig) -> None:
    """Storage and monitoring first: a failing pipeline finds its data, its alarms and its budget in place."""
    env = Environment(account=config.account, region=config.region)
    stage = config.stage
    storage = StorageStack(
        app,
        stack_name(stage, "storage"),
        config=config,
        env=env,
        description="Fruit features: images, results, logs and artifacts",
    )
    monitoring = MonitoringStack(
        app,
        stack_name(stage, "monitoring"),
        config=config,
        env=env,
        description="Fruit features: notifications and budget",
    )
    pipeline = PipelineStack(
        app,
        stack_name(stage, "pipeline"),
        config=config,
        env=env,
        storage=storage,
        monitoring=monitoring,
        description="Fruit features: network, cluster and run",
    )
    pipeline.add_stack_dependency(storage)
    pipeline.add_stack_dependency(monitoring)
    tag_everything(app, stage)


def feature_flags() -> dict[str, Any]:
    """CDK's flags as cdk.json sets them, so that tests and `cdk` synthesise the same."""
    return {
        name: value
        for name, value in cdk_json_context().items()
        if name.startswith(("@aws-cdk/", "aws-cdk:"))
    }
