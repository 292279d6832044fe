"""The one command table: every verb, made from its signature and docstring.

Magic, shell, help and completion read it and nothing else, so a verb is written once.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypeVar

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.verbs import calls
from mlops_jupyter.verbs import types as marks
from mlops_jupyter.verbs.docstrings import read_docstring

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

REQUIRED: Final = inspect.Parameter.empty

#: Where each verb is written. Named here so that `%load_ext` and completion import none of them.
MODULES: Final[dict[str, str]] = {
    "track": "tracking",
    "package": "building",
    "verify": "building",
    "register": "catalog",
    "models": "catalog",
    "versions": "catalog",
    "show": "catalog",
    "diff": "catalog",
    "alias": "catalog",
    "card": "catalog",
    "deploy": "deploying",
    "predict": "endpoints",
    "loadtest": "load_checks",
    "status": "endpoints",
    "logs": "endpoints",
    "history": "endpoints",
    "rollback": "endpoints",
    "start": "endpoints",
    "stop": "endpoints",
    "key": "keys",
    "requests": "captured_requests",
    "profile": "profiles",
    "drift": "drifting",
    "report": "drifting",
    "pipeline run": "pipeline_running",
    "pipeline init": "pipeline_running",
    "pipeline verify": "pipeline_running",
    "pipeline runs": "pipeline_history",
    "pipeline show": "pipeline_history",
    "pipeline diff": "pipeline_history",
    "pipeline logs": "pipeline_history",
    "pipeline clean": "pipeline_history",
    "pipeline schedule": "pipeline_schedules",
    "pipeline schedules": "pipeline_schedules",
    "pipeline unschedule": "pipeline_schedules",
    "pipeline next": "pipeline_schedules",
    "step": "steps",
    "agent": "agents",
    "overview": "housekeeping",
    "doctor": "housekeeping",
    "clean": "housekeeping",
    "remove": "housekeeping",
    "audit": "housekeeping",
}

#: Verbs of two words, by their first, and what those are for. In Python: ``mlops.pipeline.run``.
GROUPS: Final[dict[str, str]] = {"pipeline": "notebooks as steps: run, resume, compare, schedule"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a verb, as every face sees it.

    Parameters
    ----------
    name : str
        Its name in Python: ``test_data``.
    word : str
        Its name on a command line: ``test-data``.
    kind : type
        What one value of it is: `str`, `int`, `float`, `bool`, or a class of `mlops_jupyter.verbs.types`.
    default : object
        `REQUIRED` when there is none.
    positional : bool
        Whether it may be written without its name.
    many : bool
        Whether it is a list: repeated, or separated by commas.
    live : bool
        Whether a face turns what was written into an object.
    choices : tuple of str
        The only words it takes, if they are few.
    text : str
        What the docstring says of it.
    short : str
        A letter that stands for its word: ``p`` for ``-p``.
    """

    name: str
    word: str
    kind: type
    default: Any
    positional: bool
    many: bool = False
    live: bool = False
    choices: tuple[str, ...] = ()
    text: str = ""
    short: str = ""

    @property
    def required(self) -> bool:
        """Whether the verb cannot be called without it."""
        return self.default is REQUIRED

    @property
    def flag(self) -> bool:
        """Whether it is written without a value."""
        return self.kind is bool

    @property
    def refusable(self) -> bool:
        """Whether ``--no-word`` says something that leaving the flag out does not."""
        return self.flag and self.default is not False


@dataclass(frozen=True)
class Command:
    """A verb as every face sees it."""

    name: str
    stage: str
    function: Callable[..., Any]
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    sections: dict[str, str]

    def option(self, word: str) -> Parameter | None:
        """Return the parameter that ``--word`` or ``-w`` names; the former is given without its dashes."""
        return next((p for p in self.parameters if word in _names_of(p)), None)

    @property
    def positional(self) -> tuple[Parameter, ...]:
        """The parameters that may be written without their names, in order."""
        return tuple(p for p in self.parameters if p.positional)


def _names_of(parameter: Parameter) -> tuple[str, ...]:
    short = (f"-{parameter.short}",) if parameter.short else ()
    return (parameter.word, parameter.name, *short)


@dataclass(frozen=True)
class _Entry:
    stage: str
    function: Callable[..., Any]


_entries: dict[str, _Entry] = {}


def verb(
    *, stage: str, group: str = "", audited: bool | Callable[[dict[str, Any]], bool] = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Enter a function in the command table.

    Parameters
    ----------
    stage : str
        The heading of help it stands under: ``build``, ``catalog``, ``endpoints``, ``workspace``, ``track``.
    group : str
        The first of its two words; empty for a verb of one.
    audited : bool or callable
        Whether calls of it are recorded in the audit log, before and after; a callable says so by the
        arguments. A verb called from an audited verb is part of that one record.
    """

    def enter(function: Callable[P, R]) -> Callable[P, R]:
        name = f"{group} {function.__name__.rstrip('_')}".strip()
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs).arguments
            recorded = audited(given) if callable(audited) else audited
            with calls.recording(name, given if recorded else None) as record:
                result = function(*args, **kwargs)
                record.result = result
            return calls.stamped(result, name, signature, given)

        _entries[name] = _Entry(stage, call)
        return call

    return enter


def load(name: str) -> Callable[..., Any]:
    """Return the function of a verb, importing the one module it is written in."""
    importlib.import_module(f"mlops_jupyter.verbs.{MODULES[name]}")
    return _entries[name].function


def words_of(group: str = "") -> list[str]:
    """Return what can stand first on a line, or behind the first word of a group.

    Examples
    --------
    >>> words_of()[:2], words_of("pipeline")[:2]
    (['track', 'package'], ['run', 'init'])
    """
    if group:
        return [name.removeprefix(f"{group} ") for name in MODULES if name.startswith(f"{group} ")]
    return list(dict.fromkeys(name.partition(" ")[0] for name in MODULES))


@functools.cache
def command(name: str) -> Command:
    """Return the table's entry for a verb.

    Raises
    ------
    UsageError
        If there is no such verb; the message lists the nearest.
    """
    if name not in MODULES:
        group = name.partition(" ")[0]
        near = words_of(group) if group in GROUPS else words_of()
        word = name.partition(" ")[2] or name
        raise UsageError(f"there is no verb {name!r}", hint=did_you_mean(word, near))
    function = load(name)
    return read_command(name, _entries[name].stage, function)


def commands() -> tuple[Command, ...]:
    """Return the whole table, in the order of a model's life."""
    return tuple(command(name) for name in MODULES)


def read_command(name: str, stage: str, function: Callable[..., Any]) -> Command:
    """Make the table's entry from a function's signature and docstring."""
    doc = read_docstring(function.__doc__)
    hints = _hints(inspect.unwrap(function))
    parameters = tuple(
        _parameter(p, hints.get(p.name, str), doc.parameters.get(p.name, ""))
        for p in inspect.signature(function).parameters.values()
    )
    return Command(name, stage, function, doc.summary, doc.description, parameters, doc.sections)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of the parameters; names imported for the type checker only are known."""
    known = {**vars(typing), **vars(marks)}
    space = {**known, **function.__globals__}
    written = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    bare = types.SimpleNamespace(__annotations__=written)
    return typing.get_type_hints(bare, space, known, include_extras=True)


def _parameter(parameter: inspect.Parameter, hint: Any, text: str) -> Parameter:
    inner, extras = _unwrapped(hint)
    live = any(isinstance(extra, marks.LiveMarker) for extra in extras)
    many = typing.get_origin(inner) in (list, tuple)
    if many:
        inner, of_items = _unwrapped(typing.get_args(inner)[0])
        live = live or any(isinstance(extra, marks.LiveMarker) for extra in of_items)
    choices = typing.get_args(inner) if typing.get_origin(inner) is Literal else ()
    kind = inner if isinstance(inner, type) else str
    positional = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    written = next((extra for extra in extras if isinstance(extra, marks.Spelled)), marks.Spelled())
    word = written.word or parameter.name.rstrip("_").replace("_", "-")
    return Parameter(
        parameter.name, word, kind, parameter.default, positional, many, live, choices, text, written.short
    )  # fmt: skip


def _unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the hint without ``| None``, and what `Live` and `Spelled` said of it."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        chosen = next((part for part in inner if typing.get_origin(part) is typing.Annotated), inner[0])
        return _unwrapped(chosen)
    if typing.get_origin(hint) is typing.Annotated:
        kind, *extras = typing.get_args(hint)
        inner, more = _unwrapped(kind)
        return inner, (*extras, *more)
    return hint, ()
