"""YAML as plain values, with where each of them stands, so that every error can say line and column.

Plain words mean what YAML 1.2 says: ``no`` and ``on`` are text, ``01:30`` is text, ``2013-01-01`` is text,
``1e-3`` is a number. (YAML 1.1, PyYAML's default, makes False, True, 90 minutes, a date and text of them.)
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from mlops_jupyter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import yaml

Place: TypeAlias = tuple[str | int, ...]

PLAIN: Final = "tag:yaml.org,2002:"
MEANINGS: Final = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
)

MOST_VALUES: Final = 100_000  # aliases of aliases may stand for any number
QUOTES: Final = 'a text that begins with @, *, &, %, `, [ or { stands in quotes: "@date(%Y)"'
TABS: Final = "lines are indented with spaces, not with tabs"
SYNTAX: Final = {
    "a tab character": TABS,
    "cannot start any token": QUOTES,
    "alphabetic or numeric character": QUOTES,
    "undefined alias": "there is no anchor of that name before it; " + QUOTES,
    "mapping values are not allowed": "a colon too many, or a line indented otherwise than those above it; "
    "a text with ': ' in it stands in quotes",
    "could not find expected ':'": "a colon is missing: write name: value",
    "did not find expected key": "this is indented otherwise than the lines above it, or a bracket is open",
    "',' or ']'": "a list is not closed: a ] is missing, or a comma",
    "',' or '}'": "a mapping is not closed: a } is missing, or a comma",
}


class Position(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Parameters
    ----------
    text : str
        What is wrong, with which value, and what to do.
    position : Position or None
        Where in the file; None for what was given beside it.
    """

    text: str
    position: Position | None = None


class PipelineError(UsageError):
    """What is wrong with a pipeline, all of it at once; nothing was run.

    Parameters
    ----------
    file : str
        The file's name, as it was asked for.
    problems : sequence of Problem
        At least one.
    """

    def __init__(self, file: str, problems: list[Problem]) -> None:
        in_order = sorted(dict.fromkeys(problems), key=lambda problem: problem.position or Position(0, 0))
        lines = [located(file, problem) for problem in in_order]
        head = f"{len(lines)} things are wrong with {file}:\n  " if len(lines) > 1 else ""
        super().__init__(head + "\n  ".join(lines))
        self.file, self.problems = file, tuple(in_order)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.file, list(self.problems))


def located(file: str, problem: Problem) -> str:
    """Return a problem with its place before it, as editors and terminals link it."""
    if problem.position is None:
        return problem.text
    return f"{file}:{problem.position.line}:{problem.position.column}: {problem.text}"


@dataclass
class Document:
    """A YAML file: its values, where they stand, and what was found wrong in it so far.

    Parameters
    ----------
    file : str
        What errors call it.
    data : Any
        Dicts, lists, text, numbers, booleans, None.
    keys, values : dict
        Where each key and each value begins, by place: ``("steps", "train", "timeout")``.
    problems : list of Problem
        What was found.
    """

    file: str
    data: Any = None
    keys: dict[Place, Position] = field(default_factory=dict)
    values: dict[Place, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def position(self, place: Place, at_key: bool = False) -> Position:
        """Return where a value (or its key) stands; of what is not there, where its nearest owner stands."""
        where = self.keys if at_key else self.values
        while place and place not in where:
            place = place[:-1]
        return where.get(place) or self.values.get(place, Position(1, 1))

    def wrong(self, place: Place, text: str, at_key: bool = False) -> None:
        """Note that the value at a place (or its key) is wrong."""
        self.problems.append(Problem(f"{self.words(place)}{text}", self.position(place, at_key)))

    def words(self, place: Place) -> str:
        """Return a place in words, steps of a list by their name: ``steps.train.timeout: ``."""
        while place and isinstance(place[-1], int) and place not in self.values:
            place = place[:-1]
        said = [
            str(part) if isinstance(part, str) else self._name(place[: at + 1])
            for at, part in enumerate(place)
        ]
        return f"{'.'.join(said)}: " if said else ""

    def _name(self, place: Place) -> str:
        value: Any = self.data
        for part in place:
            if not isinstance(value, dict | list):  # it is being read still
                break
            value = value[part]  # type: ignore[index]
        name = value.get("name") if isinstance(value, dict) else None
        return name if isinstance(name, str) else str(int(place[-1]) + 1)

    def refuse(self) -> None:
        """Raise `PipelineError` with all that was found wrong, if anything was."""
        if self.problems:
            raise PipelineError(self.file, self.problems)


def read_document(file: Path) -> Document:
    """Return a YAML file's values with their places.

    Parameters
    ----------
    file : Path
        The file.

    Raises
    ------
    PipelineError
        When it is no YAML; with line and column. A key that stands twice is noted in the document.
    """
    return parsed(text_of(file), file.name)


def text_of(file: Path) -> str:
    """Return a file's text; one clear line when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(
            file.name, [Problem(f"{file.name} is no text in UTF-8: {error.reason}")]
        ) from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read", (error.strerror or str(error)).lower()) from None


def parsed(text: str, name: str) -> Document:
    """Return YAML text as values with their places; see `read_document`."""
    import yaml

    document = Document(name)
    try:
        _fill(document, text)
    except yaml.MarkedYAMLError as error:
        raise PipelineError(name, [_syntax_problem(text, error)]) from None
    except yaml.reader.ReaderError as error:
        raise PipelineError(name, [_unreadable(text, error)]) from None
    except RecursionError:
        raise PipelineError(
            name, [Problem("it is nested too deep, or holds itself", Position(1, 1))]
        ) from None
    return document


def _fill(document: Document, text: str) -> None:
    loader = _loader()(text)
    try:
        root = loader.get_single_node()
        if root is not None:
            document.data = _Walk(document, loader).value(root, ())
    finally:
        loader.dispose()


def _syntax_problem(text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark, said = error.problem_mark or error.context_mark, str(error.problem)
    if "quoted scalar" in str(error.context) and "end of stream" in said:
        mark, plain = error.context_mark, "this quote is never closed"
    else:
        plain = next((plain for part, plain in SYNTAX.items() if part in said), "")
    if mark is None:
        return Problem(plain or f"this is no YAML: {said}")
    if plain == QUOTES and any(
        line[mark.column : mark.column + 1] == "\t" for line in text.split("\n")[mark.line :][:1]
    ):
        plain = TABS
    plain = plain or "this is no YAML: " + " ".join(part for part in (error.context, error.problem) if part)
    return Problem(plain, Position(mark.line + 1, mark.column + 1))


def _unreadable(text: str, error: yaml.reader.ReaderError) -> Problem:
    before = text[: int(error.position)]
    column = len(before) - before.rfind("\n")
    return Problem(
        f"a character that YAML has no place for: {error.reason}", Position(before.count("\n") + 1, column)
    )


class _Walk:
    """The way through a YAML tree, noting where each value stands."""

    def __init__(self, document: Document, loader: yaml.SafeLoader) -> None:
        self.document, self.loader = document, loader

    def value(self, node: yaml.Node, place: Place) -> Any:
        """Return a node's plain value."""
        self.document.values[place] = _start(node)
        if len(self.document.values) > MOST_VALUES:
            raise PipelineError(self.document.file, [Problem(f"it holds more than {MOST_VALUES:,} values")])
        if node.id == "mapping":  # type: ignore[attr-defined]
            return self.mapping(node, place)
        if node.id == "sequence":  # type: ignore[attr-defined]
            return [self.value(item, (*place, at)) for at, item in enumerate(node.value)]
        return self.scalar(node, place)

    def mapping(self, node: yaml.Node, place: Place) -> dict[str, Any]:
        """Return a mapping by the texts of its keys; a key that stands twice is noted."""
        made: dict[str, Any] = {}
        for key_node, value_node in self.pairs(node):
            if key_node.id != "scalar":
                self.document.problems.append(
                    Problem("a key is one word, no list and no mapping", _start(key_node))
                )
                continue
            key = str(key_node.value)
            inner = (*place, key)
            if key in made:
                first = self.document.keys[inner].line
                self.document.problems.append(
                    Problem(
                        f"{self.document.words(inner)}stands here twice, first in line {first}",
                        _start(key_node),
                    )
                )
                continue
            self.document.keys[inner] = _start(key_node)
            made[key] = self.value(value_node, inner)
        return made

    def pairs(self, node: yaml.Node) -> Iterator[tuple[Any, Any]]:
        """Yield keys and values; those of a merge (``<<: *defaults``) last, where they are not given anew."""
        given = {str(key.value) for key, _ in node.value}
        for key, value in node.value:
            if not _merges(key):
                yield key, value
        for key, value in node.value:
            if _merges(key):
                for merged in value.value if value.id == "sequence" else [value]:
                    yield from (pair for pair in self.merged(merged) if str(pair[0].value) not in given)

    def merged(self, node: yaml.Node) -> Iterator[tuple[Any, Any]]:
        """Yield the pairs of what is merged."""
        if node.id == "mapping":  # type: ignore[attr-defined]
            yield from self.pairs(node)
        else:
            self.document.problems.append(Problem("<<: takes a mapping in; write <<: *anchor", _start(node)))

    def scalar(self, node: yaml.Node, place: Place) -> Any:
        """Return a scalar by its tag."""
        kind = node.tag.removeprefix(PLAIN)
        if kind not in SCALARS:
            self.document.wrong(place, f"the tag {node.tag} has no meaning here; write plain values")
            return None
        return SCALARS[kind](node.value)


def _merges(key: Any) -> bool:
    """Whether a key is the one of a merge; in quotes it is a key like others."""
    return bool(key.value == "<<") and not key.style


def _start(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _whole(text: str) -> int:
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)


def _real(text: str) -> float:
    worded = text.lower().lstrip("+")
    words = {".inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
    return words[worded] if worded in words else float(text)


SCALARS: Final[dict[str, Any]] = {
    "str": str,
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _whole,
    "float": _real,
}


@functools.cache
def _loader() -> type[yaml.SafeLoader]:
    import yaml

    quick: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("PlainLoader", (quick,), {"yaml_implicit_resolvers": {}})
    for kind, pattern, first in MEANINGS:
        starts = ["" if letter == "\0" else letter for letter in first]
        loader.add_implicit_resolver(PLAIN + kind, re.compile(rf"^(?:{pattern})$"), starts)
    return loader  # type: ignore[no-any-return]
