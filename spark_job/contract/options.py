"""What an option of a command is: name, range, default, help; its value read from words and written."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from spark_job.contract.errors import MisuseError

# What an option says: which results come out, where things lie, or how this one attempt is made.
RESULTS, PLACE, ATTEMPT = "results", "place", "attempt"
DEPLOY, SUBMIT = "deploy", "submit"  # who offers it besides the command line of `run`


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a command."""

    help: str  # a sentence or two, for the command's help and the README
    kind: Callable[[Any], Any] = str  # of the value, or of each value; bool: a flag without a value
    default: Any = None  # the value when nobody gives one
    absent: str = ""  # words for what happens then, where the default does not say it
    least: float | None = None  # bounds of a number
    above: float | None = None  # a bound that is not allowed itself
    most: float | None = None
    choices: tuple[str, ...] = ()  # the only values that are allowed
    unit: str = ""  # of a number
    metavar: str = ""  # stands for the value in help texts; default: the choices
    label: str = ""  # names it in the report; default: the name with spaces
    says: str = RESULTS  # RESULTS, PLACE or ATTEMPT; RESULTS alone is part of a run's fingerprint
    offered: tuple[str, ...] = ()  # who else offers it: DEPLOY, SUBMIT
    excludes: tuple[str, ...] = ()  # that cannot be given beside it; their defaults do not count then
    # left out of everything unless the option of this name has another value than its default. An option that
    # is new names itself here: the fingerprint of earlier runs then stays the same
    needs: str = ""
    required: bool = False  # there is no run without it
    repeated: bool = False  # several values, as `--name=a --name=b`
    listed: bool = False  # several values, as `--name=a,b`
    name: str = ""  # of the field that holds the value
    group: str = ""  # of the field that holds the dataclass with that field; empty: none

    @property
    def flag(self) -> str:
        """The word that begins it, as `--sample-per-class`."""
        return "--" + self.name.replace("_", "-")

    @property
    def declaration(self) -> str:
        """What `click.option` is given as its name: `--sample`, or `--standardize/--no-standardize`."""
        return f"{self.flag}/--no-{self.flag[2:]}" if self.kind is bool and self.default else self.flag

    @property
    def placeholder(self) -> str:
        return self.metavar or "|".join(self.choices)

    @property
    def allowed(self) -> str:
        if self.choices:
            return " or ".join(self.choices)
        limits = {"above": self.above, "of at least": self.least, "at most": self.most}
        bounds = " and ".join(f"{word} {bound:g}" for word, bound in limits.items() if bound is not None)
        noun = {int: "a whole number", float: "a number"}.get(self.kind, "a text")  # type: ignore[call-overload]
        return f"{noun} {bounds}".rstrip()

    @property
    def default_text(self) -> str:
        """What happens when nobody gives a value, in words; empty when nothing does."""
        return self.absent or self.text(self.default)

    def text(self, value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return ", ".join(map(str, value))
        if value is None:
            return ""
        return f"{value:,} {self.unit}" if self.unit else str(value)

    def read(self, value: Any) -> Any:
        """Return the value of a text, or of what this returned before; MisuseError: it is not allowed."""
        if not self.listed:
            return self._read_one(value)
        if isinstance(value, str):  # a line of CSV: a value with a comma or a line break is quoted
            value = next(csv.reader(io.StringIO(value, newline=""), skipinitialspace=True), [])
        return tuple(self._read_one(part.strip()) for part in value if part.strip())

    def _read_one(self, value: Any) -> Any:
        with suppress(ValueError):
            result = self.kind(value)
            if (
                (not self.choices or result in self.choices)
                and (self.least is None or result >= self.least)
                and (self.above is None or result > self.above)
                and (self.most is None or result <= self.most)
            ):
                return result
        raise MisuseError(f"{self.flag} {value}: give {self.allowed}")

    def words(self, value: Any) -> list[str]:
        """Return the words that give this value; none when there is nothing to say."""
        if value is None or value == ():
            return []
        if self.kind is bool:
            return [] if value == self.default else self.declaration.split("/")[-1:]
        if self.listed:
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(value)
            return [f"{self.flag}={line.getvalue()}"]
        return [f"{self.flag}={one}" for one in (value if self.repeated else [value])]

    def click_settings(self, absent: str | None = None) -> dict[str, Any]:
        """Return what `click.option` takes beside the declaration; no value is None, or () if repeated."""
        default = self.default_text if absent is None else absent
        shown = f"  [default: {default}]" if default and not self.required else ""
        settings: dict[str, Any] = {"help": self.help + shown, "required": self.required}
        if self.kind is bool:
            return {**settings, "default": None} | ({} if self.default else {"is_flag": True})
        if self.choices:
            settings["shell_complete"] = lambda _context, _parameter, begun: [
                choice for choice in self.choices if choice.startswith(begun)
            ]
        return {**settings, "type": self.read, "metavar": self.placeholder, "multiple": self.repeated}


def option(help_text: str, **facts: Any) -> Any:
    """Return a dataclass field that is an option; see `Option` for what there is to say of it."""
    described = Option(help=help_text, **facts)
    default = {} if described.required else {"default": described.default}
    return field(metadata={"option": described}, **default)


def options_of(table: Any, group: str = "") -> tuple[Option, ...]:
    """Return the options of a dataclass in their order, those of dataclasses within it at their place."""
    groups, options = groups_of(table), list[Option]()
    for one in fields(table):
        if "option" in one.metadata:
            options.append(replace(one.metadata["option"], name=one.name, group=group))
        elif one.name in groups:
            options += options_of(groups[one.name], group=one.name)
    return tuple(options)


def groups_of(table: Any) -> dict[str, Any]:
    """Return the dataclasses within a dataclass, by the fields that hold them."""
    return {one.name: one.default_factory for one in fields(table) if is_dataclass(one.default_factory)}


def given_values(options: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given, with None where a default gives way; MisuseError: two exclude each other."""
    given = {name: value for name, value in values.items() if value is not None}
    for one in options:
        for other in one.excludes if one.name in given else ():
            if given.setdefault(other, None) is not None:
                raise MisuseError(f"--{other.replace('_', '-')} and {one.flag} exclude each other: give one")
    return given


def read_words(options: Iterable[Option], words: Iterable[str]) -> dict[str, Any]:
    """Return the values of words such as `--sample=100`, by name; MisuseError: one is not allowed."""
    readers = {flag: one for one in options for flag in one.declaration.split("/")}
    values: dict[str, Any] = {}
    for word in words:
        flag, equals, text = word.partition("=")
        if flag not in readers:
            raise MisuseError(f"{word} is no option of the job: run `fruit run --help`")
        one = readers[flag]
        if (one.kind is bool) == bool(equals):
            raise MisuseError(f"{word}: write {flag if one.kind is bool else f'{flag}=VALUE'}")
        if one.kind is bool:
            values[one.name] = flag == one.flag
        else:
            before = values.get(one.name, ())
            values[one.name] = (*before, one.read(text)) if one.repeated else one.read(text)
    return values


def option_words(options: Iterable[Option], values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words that give these values, in the order of the options, each a single word."""
    for one in options:
        yield from one.words(values.get(one.name))
