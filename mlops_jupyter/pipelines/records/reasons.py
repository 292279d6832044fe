"""Why a step runs, in words: what its result was made from, beside what it would be made from now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops_jupyter.pipelines.records.run import Fingerprint

Kind: TypeAlias = Literal[
    "code",
    "kernel",
    "parameter",
    "input",
    "upstream",
    "module",
    "environment",
    "variable",
    "secret",
    "output",
]
SHOWN = 3
LONGEST = 60


@dataclass(frozen=True)
class Change:
    """One thing that a result was made from and that is another now.

    Parameters
    ----------
    kind : str
        What kind of thing.
    name : str
        Which; empty where there is only one.
    words : str
        What became of it: ``parameter month changed from 1 to 2``.
    """

    kind: Kind
    name: str
    words: str


def changes(before: Fingerprint, now: Fingerprint) -> list[Change]:
    """Return all that is not as it was, what its author did most likely first."""
    return [
        *only("code", before.code, now.code, "code changed"),
        *only("kernel", before.kernel, now.kernel, f"kernel changed from {before.kernel} to {now.kernel}"),
        *each("parameter", before.parameters, now.parameters, valued),
        *each("input", before.inputs, now.inputs, became),
        *each("module", before.modules, now.modules, became),
        *each("upstream", before.upstream, now.upstream, gave),
        *each("variable", before.variables, now.variables, was_set),
        *each("secret", before.secrets, now.secrets, became),
        *only("environment", before.environment, now.environment, "environment changed"),
        *promises(before.outputs, now.outputs),
    ]


def only(kind: Kind, before: str, now: str, words: str) -> Iterator[Change]:
    """Yield the change of a thing of which there is one."""
    if before != now:
        yield Change(kind, "", words)


def each(
    kind: Kind,
    before: Mapping[str, str],
    now: Mapping[str, str],
    words: Callable[[str, str | None, str | None], str],
) -> Iterator[Change]:
    """Yield the changes of things that have names."""
    for name in [*before, *(name for name in now if name not in before)]:
        if before.get(name) != now.get(name):
            became_of = words(f"{kind} {name}", before.get(name), now.get(name))
            yield Change(kind, name, became_of)


def became(what: str, before: str | None, now: str | None) -> str:
    """Say what became of something whose content is not told.

    Examples
    --------
    >>> became("input data/a.parquet", "4f…", "")
    'input data/a.parquet is gone'
    """
    if not before:
        return f"{what} is new"
    return f"{what} changed" if now else f"{what} is gone"


def was_set(what: str, before: str | None, now: str | None) -> str:
    """Say what became of a variable of the environment, never its value."""
    if not before or not now:
        return f"{what} is set now" if now else f"{what} is no longer set"
    return f"{what} changed"


def valued(what: str, before: str | None, now: str | None) -> str:
    """Say what became of something whose value may be told.

    Examples
    --------
    >>> valued("parameter month", "1", "2")
    'parameter month changed from 1 to 2'
    """
    if before is None or now is None:
        return f"{what} is new" if before is None else f"{what} is no longer given"
    return f"{what} changed from {short(before)} to {short(now)}"


def gave(what: str, _before: str | None, _now: str | None) -> str:
    """Say that a step before gave something else, or that one value did."""
    name = what.removeprefix("upstream ")
    return f"{name} changed" if name.startswith("value ") else f"{name} gave something new"


def short(text: str) -> str:
    """Return a value's JSON, cut."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def installations(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    """Yield which distributions are of another version, by the versions before and now."""
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            words = f"{name} {before.get(name, 'absent')} -> {now.get(name, 'absent')}"
            yield Change("environment", name, f"environment: {words}")


def promises(before: tuple[str, ...], now: tuple[str, ...]) -> Iterator[Change]:
    """Yield the outputs that it promises and did not, and the other way."""
    for name in now:
        if name not in before:
            yield Change("output", name, f"output {name} is new")
    for name in before:
        if name not in now:
            yield Change("output", name, f"output {name} is no longer promised")


def in_words(found: list[Change]) -> str:
    """Return changes as one reason, the first of them by name.

    Examples
    --------
    >>> in_words([Change("code", "", "code changed"), Change("input", "a", "input a changed")])
    'code changed, input a changed'
    """
    words = ", ".join(change.words for change in found[:SHOWN])
    return words + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
