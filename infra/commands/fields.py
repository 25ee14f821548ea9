"""`fields`: the table of every field of the configuration."""

import click


@click.command("fields")
def fields_command() -> None:
    """Print the table of all fields of the configuration, which docs/deployment.md contains.

    \b
    Example:
      fruit fields
    """
    from infra.config.deployment import STAGE_DEFAULTS, DeploymentConfig
    from infra.config.field_reference import field_rows

    click.echo("\n".join(field_rows(DeploymentConfig, STAGE_DEFAULTS)))
