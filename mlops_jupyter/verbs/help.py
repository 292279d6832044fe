"""Help as a result: the same in a notebook, in a shell and for ``%mlops deploy?``."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs import table
from mlops_jupyter.verbs.results import Block, Code, Facts, Note, Result, Table
from mlops_jupyter.verbs.types import Assignments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.verbs.table import Command, Parameter

_STAGES: Final = {
    "track": "Train",
    "build": "Package",
    "catalog": "Registry",
    "endpoints": "Endpoints",
    "monitor": "Monitoring",
    "pipeline": "Pipelines",
    "workspace": "Workspace",
}


@dataclass(frozen=True)
class CommandHelp(Result):
    """What one verb does, takes and returns."""

    name: str
    summary: str
    description: str
    usage: str
    options: tuple[tuple[str, str], ...]
    examples: str

    @property
    def headline(self) -> str:
        """The verb and its first line."""
        return f"{self.name}: {self.summary}"

    def blocks(self) -> Iterable[Block]:
        """Yield usage, parameters and examples."""
        yield Code(textwrap.fill(self.usage, 96, subsequent_indent="    "), title="Usage")
        if self.description:
            yield Note(self.description)
        if self.options:
            yield Table(("parameter", "meaning"), self.options)
        if self.examples:
            yield Code(self.examples, "python", title="In Python")


@dataclass(frozen=True)
class CommandList(Result):
    """Every verb in one line each, in the order of a model's life."""

    verbs: tuple[tuple[str, str, str], ...]

    @property
    def headline(self) -> str:
        """What the verbs are for."""
        return "mlops: from a fitted model to an endpoint that can be rolled back"

    def blocks(self) -> Iterable[Block]:
        """Yield one table for each stage."""
        yield Code("%mlops VERB …   in a notebook\nmlops VERB …    in a shell", title="Usage")
        for stage, title in _STAGES.items():
            rows = tuple((name, summary) for name, at, summary in self.verbs if at == stage)
            if rows:
                yield Facts(rows, title)
        yield Note("a verb and --help tells its parameters: %mlops deploy --help, or %mlops deploy?")


@dataclass(frozen=True)
class GroupHelp(Result):
    """The verbs of a group in one line each."""

    name: str
    summary: str
    verbs: tuple[tuple[str, str], ...]

    @property
    def headline(self) -> str:
        """What the group is for."""
        return f"{self.name}: {self.summary}"

    def blocks(self) -> Iterable[Block]:
        """Yield the verbs, and where there is more."""
        yield Facts(self.verbs)
        yield Note(f"a verb and --help tells its parameters: %mlops {self.verbs[0][0]} --help")


def help_for(command: Command) -> CommandHelp:
    """Return the help of one verb."""
    options = tuple((_spelling(p), _meaning(p)) for p in command.parameters)
    return CommandHelp(
        command.name,
        command.summary,
        command.description,
        usage(command),
        options,
        command.sections.get("Examples", "").replace("  # doctest: +SKIP", ""),
    )


def help_for_all() -> CommandList:
    """Return the list of all verbs."""
    return CommandList(tuple((c.name, c.stage, c.summary) for c in table.commands()))


def help_for_group(group: str) -> GroupHelp:
    """Return the verbs whose first word is this one."""
    names = [f"{group} {word}" for word in table.words_of(group)]
    return GroupHelp(group, table.GROUPS[group], tuple((n, table.command(n).summary) for n in names))


def usage(command: Command) -> str:
    """Return the line that shows how a verb is written.

    Examples
    --------
    >>> usage(table.command("remove"))
    'remove MODEL [VERSION]'
    """
    words = [_placeholder(p) for p in command.positional]
    words += [f"--{p.word} {_value_of(p)}" for p in command.parameters if not p.positional and p.required]
    optional = [p for p in command.parameters if not p.positional and not p.required]
    words += [f"[{_spelling(p)}]" for p in optional]
    return " ".join([command.name, *words])


def _placeholder(parameter: Parameter) -> str:
    word = parameter.word.upper() + (" …" if parameter.many else "")
    return word if parameter.required else f"[{word}]"


def _spelling(parameter: Parameter) -> str:
    if parameter.positional:
        return parameter.word.upper()
    if parameter.flag:
        return f"--[no-]{parameter.word}" if parameter.refusable else f"--{parameter.word}"
    short = f"-{parameter.short}/" if parameter.short else ""
    return f"{short}--{parameter.word} {_value_of(parameter)}"


def _value_of(parameter: Parameter) -> str:
    if parameter.kind is Assignments:
        return "NAME=VALUE"
    return "|".join(parameter.choices) or parameter.kind.__name__.removesuffix("Name").upper()


def _meaning(parameter: Parameter) -> str:
    silent = parameter.required or parameter.default in (None, False, (), "") or parameter.flag
    return parameter.text + ("" if silent else f" Default: {parameter.default}.")
