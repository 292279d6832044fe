"""What changed between two contracts, and how much it matters to whoever calls the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Level: TypeAlias = Literal["major", "minor", "patch", "none"]


@dataclass(frozen=True)
class Change:
    """How a new schema differs from an old one.

    Parameters
    ----------
    level : {"major", "minor", "patch", "none"}
        ``major`` breaks a caller, ``minor`` offers one more, ``patch`` leaves the contract as it was in all
        but ranges and examples, ``none`` is the same document.
    reasons : tuple of str
        One sentence for each break, else for each offer.
    """

    level: Level
    reasons: tuple[str, ...]


def compare(old: dict[str, Any], new: dict[str, Any]) -> Change:
    """Compare two feature schemas as a caller sees them.

    Examples
    --------
    >>> column = {"name": "dest", "type": "string", "nullable": False}
    >>> output = {"task": "regression", "outputs": [], "probabilities": False}
    >>> old = {"input": {"kind": "columns", "columns": [column]}, "output": output}
    >>> new = {"input": {"kind": "columns", "columns": []}, "output": output}
    >>> compare(old, new)
    Change(level='major', reasons=('column `dest` removed',))
    """
    breaks = (*_input_breaks(old["input"], new["input"]), *_output_breaks(old["output"], new["output"]))
    if breaks:
        return Change("major", breaks)
    offers = tuple(_offers(old, new))
    if offers:
        return Change("minor", offers)
    if old == new:
        return Change("none", ())
    return Change("patch", ("the same inputs and outputs",))


def bump(version: str, level: Level) -> str:
    """Return the next version.

    Examples
    --------
    >>> bump("1.2.3", "major"), bump("1.2.3", "minor"), bump("1.2.3", "patch")
    ('2.0.0', '1.3.0', '1.2.4')
    """
    major, minor, patch = (int(part) for part in version.split("."))
    if level == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if level == "minor" else f"{major}.{minor}.{patch + 1}"


def _input_breaks(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    if old["kind"] != new["kind"]:
        yield f"input is {new['kind']}, was {old['kind']}"
        return
    before, after = _by_name(old["columns"]), _by_name(new["columns"])
    yield from (f"column `{name}` removed" for name in before if name not in after)
    for name, column in after.items():
        if name not in before:
            if not column["nullable"]:
                yield f"required column `{name}` added"
        elif column["type"] != before[name]["type"]:
            yield f"column `{name}` is {column['type']}, was {before[name]['type']}"
        elif before[name]["nullable"] and not column["nullable"]:
            yield f"column `{name}` may no longer be missing"


def _output_breaks(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    if old["task"] != new["task"]:
        yield f"the task is {new['task']}, was {old['task']}"
    before, after = _by_name(old["outputs"]), _by_name(new["outputs"])
    yield from (f"output `{name}` removed" for name in before if name not in after)
    yield from (f"output `{name}` added" for name in after if name not in before)
    for name in (name for name in after if name in before):
        yield from _classes_breaks(name, before[name], after[name])
    if old["probabilities"] and not new["probabilities"]:
        yield "probabilities are no longer given"


def _classes_breaks(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    if old["type"] != new["type"]:
        yield f"output `{name}` is {new['type']}, was {old['type']}"
    elif set(old["classes"] or ()) != set(new["classes"] or ()):
        gone = sorted(str(label) for label in set(old["classes"] or ()) - set(new["classes"] or ()))
        come = sorted(str(label) for label in set(new["classes"] or ()) - set(old["classes"] or ()))
        said = [f"lost {', '.join(gone)}"] * bool(gone) + [f"gained {', '.join(come)}"] * bool(come)
        yield f"the classes of `{name}` {' and '.join(said)}"


def _offers(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before = _by_name(old["input"]["columns"])
    for name, column in _by_name(new["input"]["columns"]).items():
        if name not in before:
            yield f"optional column `{name}` added"
        elif column["nullable"] and not before[name]["nullable"]:
            yield f"column `{name}` may now be missing"
    if new["output"]["probabilities"] and not old["output"]["probabilities"]:
        yield "probabilities are given"


def _by_name(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in entries}
