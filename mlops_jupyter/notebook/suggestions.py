"""What can stand at the cursor of a ``%mlops`` line: pure, from a line and a namespace."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.notebook import pipeline_names
from mlops_jupyter.notebook.namespace import fitting_variables
from mlops_jupyter.verbs import table
from mlops_jupyter.verbs.types import (
    AliasName,
    Cell,
    ColumnName,
    Data,
    DataSource,
    DeploymentName,
    FilePath,
    Model,
    ModelName,
    Target,
    VersionName,
)
from mlops_jupyter.verbs.words import RawWord, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_jupyter.store.names import Names
    from mlops_jupyter.verbs.table import Command, Parameter

_MOST_FILES: Final = 200
_FRAGMENT: Final = re.compile(r"[^\s=,]*$")


class Suggestion(NamedTuple):
    """A text to offer, and the word for what it is."""

    text: str
    kind: str


@dataclass(frozen=True)
class Line:
    """The words before the cursor, and the part of a word it stands behind."""

    words: tuple[str, ...]
    fragment: str

    @classmethod
    def read(cls, text: str) -> Line | None:
        """Take a line apart; None inside an open quote.

        Examples
        --------
        >>> Line.read("deploy churn --version=1.")
        Line(words=('deploy', 'churn', '--version'), fragment='1.')
        >>> Line.read("predict churn {fra")
        Line(words=('predict', 'churn'), fragment='{fra')
        """
        found = _FRAGMENT.search(text)
        fragment = found[0] if found else ""
        before = text[: len(text) - len(fragment)]
        if before.endswith((",", "=")):
            before = re.sub(r"\s+\S*,$", " ", before) if before.endswith(",") else before[:-1]
        try:
            return cls(tuple(_text(raw) for raw in split(before)), fragment)
        except MlopsError:
            return None


def _text(raw: RawWord) -> str:
    return "".join(piece if isinstance(piece, str) else piece.source for piece in raw.pieces)


def suggest(line: Line, variables: Mapping[str, Any]) -> list[Suggestion]:
    """Return what can stand at the cursor, the likeliest first."""
    found = dict.fromkeys(s for s in _candidates(line, variables) if s.text.startswith(line.fragment))
    return list(found)


def _candidates(line: Line, variables: Mapping[str, Any]) -> Iterator[Suggestion]:
    if line.fragment.startswith("{"):
        yield from (Suggestion(f"{{{name}}}", "variable") for name in variables if not name.startswith("_"))
        return
    if not line.words:
        yield from _verbs()
        return
    if line.words[0] in table.GROUPS:
        if len(line.words) == 1:
            yield from _verbs(line.words[0])
            return
        line = replace(line, words=(" ".join(line.words[:2]), *line.words[2:]))
    command = table.command(line.words[0])
    parameter, loose = _awaited(command, line.words[1:])
    if parameter is not None:
        yield from _values(parameter, command, line, variables)
        return
    places = command.positional
    place = (
        places[min(loose, len(places) - 1)] if places and (loose < len(places) or places[-1].many) else None
    )
    if place is not None and not line.fragment.startswith("-"):
        yield from _values(place, command, line, variables)
    yield from _options(command, line)


def _verbs(group: str = "") -> Iterator[Suggestion]:
    yield from (Suggestion(word, "verb") for word in table.words_of(group))
    yield Suggestion("--help", "option")


def _awaited(command: Command, words: Iterable[str]) -> tuple[Parameter | None, int]:
    """Return the option whose value stands at the cursor, and how many words without a name came before."""
    awaited, loose = None, 0
    for word in words:
        option = command.option(word.removeprefix("--")) if word.startswith("-") else None
        if awaited is not None:
            awaited = None
        elif option is not None:
            awaited = None if option.flag else option
        elif not word.startswith("--"):
            loose += 1
    return awaited, loose


def _options(command: Command, line: Line) -> Iterator[Suggestion]:
    for parameter in command.parameters:
        words = [f"--{parameter.word}", *([f"--no-{parameter.word}"] if parameter.refusable else [])]
        if not parameter.positional and (parameter.many or not set(words) & set(line.words)):
            yield from (Suggestion(word, "option") for word in words)
    yield Suggestion("--help", "option")


def _values(
    parameter: Parameter, command: Command, line: Line, variables: Mapping[str, Any]
) -> Iterator[Suggestion]:
    kind = parameter.kind
    if parameter.choices:
        yield from (Suggestion(choice, "value") for choice in parameter.choices)
    elif kind in (Target, ColumnName):
        yield from _columns(parameter, command, line, variables)
    elif parameter.live:
        yield from _live(kind, line, variables)
    elif kind in pipeline_names.KINDS:
        word = pipeline_names.KINDS[kind]
        written = _written_for("file", command, line) if command.option("file") else None
        yield from (Suggestion(name, word) for name in pipeline_names.names_for(kind, written))
    elif kind is FilePath:
        yield from _files(line.fragment)
    else:
        yield from _known(kind, line)


def _known(kind: type, line: Line) -> Iterator[Suggestion]:
    """Yield names the workspace knows: read from the store's mirror, without SQLAlchemy or MLflow."""
    known = _names()
    model = next(filter(None, (_model_of(word, known) for word in line.words[1:])), None)
    if kind is ModelName:
        yield from (Suggestion(name, "model") for name in known.models)
    elif kind is DeploymentName:
        yield from (Suggestion(name, "deployment") for name in known.deployments)
    elif kind is VersionName:
        yield from (Suggestion(version, "version") for version in _of(known.versions, model))
        yield from (Suggestion(f"@{alias}", "alias") for alias in _of(known.aliases, model))
    elif kind is AliasName:
        yield from (
            Suggestion(alias, "alias") for alias in _of(known.aliases, model) or ["champion", "challenger"]
        )


def _model_of(word: str, known: Names) -> str | None:
    """Return the model that a word names, itself or through a deployment."""
    from mlops_jupyter.store.workspace import find_workspace

    if word in known.models or word not in known.deployments:
        return word if word in known.models else None
    about = json.loads((find_workspace() / "deployments" / word / "deployment.json").read_bytes())
    return str(about.get("model", word))


def _of(names: Mapping[str, list[str]], model: str | None) -> list[str]:
    """Return the names under a model, or under every model while none is written."""
    return (
        names.get(model, []) if model else list(dict.fromkeys(n for group in names.values() for n in group))
    )


def _names() -> Names:
    from mlops_jupyter.store.names import names
    from mlops_jupyter.store.workspace import find_workspace

    return names(find_workspace())


def _live(kind: type, line: Line, variables: Mapping[str, Any]) -> Iterator[Suggestion]:
    if "." in line.fragment and line.fragment.split(".")[0] in variables:
        yield from _attributes(line.fragment, variables)
        return
    if kind in (Model, Data, DataSource):
        yield from (Suggestion(name, "variable") for name, _ in fitting_variables(kind, variables))
    if kind is Model:
        yield from (Suggestion(f"models:/{name}@champion", "address") for name in _names().models)
    if kind is Cell or line.fragment:
        yield from _files(line.fragment)


def _attributes(fragment: str, variables: Mapping[str, Any]) -> Iterator[Suggestion]:
    *path, _ = fragment.split(".")
    value = variables[path[0]]
    for name in path[1:]:
        value = getattr(value, name)
    public = [name for name in dir(value) if not name.startswith("_")]
    # what fitting made is what one packages: best_estimator_ before best_index_ before get_params
    for name in sorted(public, key=lambda n: (not n.endswith("estimator_"), not n.endswith("_"), n)):
        yield Suggestion(".".join([*path, name]), "variable")


def _columns(
    parameter: Parameter, command: Command, line: Line, variables: Mapping[str, Any]
) -> Iterator[Suggestion]:
    beside = parameter.word.replace("target", "data") if parameter.kind is Target else "data"
    data = variables.get(_written_for(beside, command, line) or "")
    for column in getattr(data, "columns", ()):
        name = str(column)
        yield Suggestion(name if re.fullmatch(r"[^\s'\"{}=,]+", name) else repr(name), "column")
    if parameter.kind is Target:
        yield from (Suggestion(name, "variable") for name, _ in fitting_variables(Data, variables))


def _written_for(option: str, command: Command, line: Line) -> str | None:
    """Return the word given for a parameter, by its option or by its place."""
    words = list(line.words)
    if f"--{option}" in words[:-1]:
        return words[words.index(f"--{option}") + 1]
    places = [p.word for p in command.positional]
    loose: list[str] = []
    for i, word in enumerate(words[1:]):
        if not word.startswith("-") and _awaited(command, words[1 : i + 1])[0] is None:
            loose.append(word)
    at = places.index(option) if option in places else len(loose)
    return loose[at] if at < len(loose) else None


def _files(fragment: str) -> Iterator[Suggestion]:
    folder, slash, start = fragment.rpartition("/")
    at = Path(folder + slash).expanduser() if slash else Path()
    entries = sorted(at.iterdir(), key=lambda path: path.name)[:_MOST_FILES] if at.is_dir() else []
    for path in entries:
        if path.name.startswith(start) and (start or not path.name.startswith(".")):
            yield Suggestion(folder + slash + path.name + ("/" if path.is_dir() else ""), "file")
