"""A command line whose commands are modules, each imported when it is asked for."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click


class CommandModules(click.Group):
    """A group whose command NAME is `NAME_command` of the module `PACKAGE.NAME`."""

    def __init__(self, *arguments: Any, package: str, modules: Sequence[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._package, self._modules = package, tuple(modules)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The module's command; None: there is none of this name."""
        if cmd_name not in self._modules:
            return None
        module = import_module(f"{self._package}.{cmd_name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command
