"""The job's command line, and what every command line of this project, as `fruit`, is made of."""

import errno
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

from spark_job import __version__
from spark_job.contract.errors import FAILURE, STOPPED, FruitError
from spark_job.contract.foreign_texts import terminal_text
from spark_job.errors import scratch_advice

SETTINGS = {"max_content_width": 110, "help_option_names": ["-h", "--help"]}
ANALYSES = {
    "train": "Train a classifier on the features of a run.",
    "predict": "Say what is on photographs.",
    "group": "Find groups of alike photographs without labels.",
    "check": "Find what is wrong with the photographs of a run.",
    "compare": "Show two runs side by side.",
    "convergence": "Show how many components a growing sample needs.",
    "export-keras": "Make one Keras model of network and classifier.",
    "time-serial": "Time one plain process on the images of a run.",
}


class LazyCommand(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    place: str  # "package.module:attribute"
    help: str


class LazyGroup(click.Group):
    """A group that imports commands when asked for; `sections`: title of the help -> commands by name."""

    def __init__(
        self, *arguments: Any, sections: Mapping[str, Mapping[str, LazyCommand]], **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self._sections = sections
        self._lazy = {name: command for section in sections.values() for name, command in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name].place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, command.help) for name, command in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that a shell may complete here, without importing one."""
        found = [(name, command.help) for name, command in self._lazy.items() if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=text) for name, text in found]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]


def run_command_line(
    group: click.Command, arguments: Sequence[str] | None = None, program: str | None = None
) -> None:
    """Run a command; print an error as one line and exit: 1 failed, 2 called in a wrong way, 130 stopped."""
    try:
        # Outside standalone mode Click returns the code of an `Exit`, and what the command returns: nothing.
        code = group.main(args=arguments, prog_name=program, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        # A bad value says itself what is allowed.
        if isinstance(error, click.UsageError) and error.ctx and type(error) is not click.BadParameter:
            end = "" if message.endswith((".", "?")) else "."
            message += f"{end} See `{error.ctx.command_path} --help`"
        _fail(message, error.exit_code)
    except FruitError as error:
        _fail(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped", STOPPED)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _fail(f"{error.strerror}; {scratch_advice()}", FAILURE)
        if "usable temporary directory" in str(error):  # of the module tempfile
            _fail(f"{error.strerror}: set TMPDIR to a folder that can be written", FAILURE)
        raise
    if code:
        sys.exit(code)


def _fail(message: str, exit_code: int) -> NoReturn:
    print(f"Error: {terminal_text(message)}", file=sys.stderr)
    sys.exit(exit_code)


JOB_COMMANDS = {
    name: LazyCommand(f"spark_job.commands.{module}:{name.replace('-', '_')}_command", text)
    for module, commands in {
        "run": {"run": "Turn images into features, principal components and a report."},
        "build_extractor": {"build-extractor": "Make an extractor folder from a network."},
        "analyses": ANALYSES,
        "tables": {"tables": "Write the tables that the code knows into Markdown files."},
    }.items()
    for name, text in commands.items()
}


@click.group(cls=LazyGroup, sections={"Commands": JOB_COMMANDS}, context_settings=SETTINGS)
@click.version_option(__version__)
def cli() -> None:
    """Photographs become feature vectors, principal components and a report.

    \b
    Example, without any download:
      python -m spark_job build-extractor efficientnet_lite0 --out extractors/efficientnet_lite0
      python -m spark_job run --images photos --results results --extractor extractors/efficientnet_lite0
    """


def main() -> None:
    """Run the job's command line."""
    run_command_line(cli)
