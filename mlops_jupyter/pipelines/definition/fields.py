"""What each field of a step may hold; whatever is wrong is noted with its place, and reading goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from mlops_jupyter.durations import seconds_of
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.pipelines.definition.pipeline import Resources
from mlops_jupyter.pipelines.definition.secrets import VARIABLE, checked_reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.pipelines.definition.positions import Document, Place

Check: TypeAlias = "Callable[[Document, Place, Any], Any]"

MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
LEAST_MEMORY: Final = 32_000_000
MOST_RETRIES: Final = 100
ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def shown(value: Any) -> str:
    """Return a value as it is named in a message, cut where it is long.

    Examples
    --------
    >>> shown(True), shown("5 parsecs"), shown(None)
    ('true', "'5 parsecs'", 'nothing')
    """
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}…{said[0] if isinstance(value, str) else ''}"


def text(document: Document, place: Place, value: Any) -> str:
    """Return text that is not empty."""
    if isinstance(value, str) and value.strip():
        return value
    hint = (
        f"; write '{value}' in quotes"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else ""
    )
    document.wrong(place, f"{shown(value)} is no text{hint}")
    return ""


def texts(document: Document, place: Place, value: Any) -> tuple[str, ...]:
    """Return a list of texts; one text alone is a list of one."""
    if isinstance(value, str):
        return (text(document, place, value),)
    if value is None:
        return ()
    if not isinstance(value, list):
        document.wrong(place, f"{shown(value)} is no list; write [a, b]")
        return ()
    return tuple(filter(None, (text(document, (*place, at), item) for at, item in enumerate(value))))


def mapping(document: Document, place: Place, value: Any) -> dict[str, Any]:
    """Return a mapping; nothing is an empty one."""
    if value is None or isinstance(value, dict):
        return value or {}
    document.wrong(place, f"{shown(value)} is no mapping; write name: value")
    return {}


def parameters(document: Document, place: Place, value: Any) -> dict[str, Any]:
    """Return parameters by name; their values are of any of JSON's kinds."""
    made = mapping(document, place, value)
    for name in made:
        if not VARIABLE.fullmatch(name):
            document.wrong((*place, name), f"{name!r} is no name of a variable", at_key=True)
    return made


def matrix(document: Document, place: Place, value: Any) -> dict[str, list[Any]]:
    """Return lists of plain values by the parameter's name."""
    made = parameters(document, place, value)
    return {name: _choices(document, (*place, name), items) for name, items in made.items()}


def _choices(document: Document, place: Place, items: Any) -> list[Any]:
    if not isinstance(items, list) or not items:
        document.wrong(place, f"{shown(items)} is no list of values; write [3, 5]")
        return []
    good: list[Any] = []
    for at, item in enumerate(items):
        if isinstance(item, list | dict) or item is None:
            document.wrong(
                (*place, at), f"{shown(item)} is no plain value; write a number, a text, true or false"
            )
        elif any(item == other and type(item) is type(other) for other in good):
            document.wrong((*place, at), f"{shown(item)} stands in the list twice")
        else:
            good.append(item)
    return good


def retries(document: Document, place: Place, value: Any) -> int:
    """Return how often to try again."""
    if _whole(value) and 0 <= value <= MOST_RETRIES:
        return int(value)
    document.wrong(place, f"{shown(value)} is no number of retries; write 0 to {MOST_RETRIES}")
    return 0


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def timeout(document: Document, place: Place, value: Any) -> float | None:
    """Return seconds; nothing is no limit."""
    if value is None:
        return None
    try:
        seconds = float(value) if _whole(value) or isinstance(value, float) else seconds_of(value)
        if 0 < seconds < float("inf"):
            return seconds
    except (UsageError, AttributeError, TypeError):
        pass
    document.wrong(place, f"{shown(value)} is no duration; write 30s, 10m, 2h")
    return None


def resources(document: Document, place: Place, value: Any) -> Resources:
    """Return what a step may use."""
    given = mapping(document, place, value)
    known(document, place, given, {"memory": memory, "cpus": cpus})
    held = memory(document, (*place, "memory"), given["memory"]) if given.get("memory") is not None else None
    return Resources(held, cpus(document, (*place, "cpus"), given.get("cpus", 1)))


def memory(document: Document, place: Place, value: Any) -> int | None:
    """Return bytes: ``2GB`` is 2e9, ``2GiB`` is 2**31."""
    found = SIZE.fullmatch(str(value).strip()) if isinstance(value, str) or _whole(value) else None
    if found is None:
        document.wrong(place, f"{shown(value)} is no size; write 500MB, 2GB, 2GiB")
        return None
    size = int(float(found[1]) * (1024 if found[3] else 1000) ** POWERS[found[2].lower()])
    if size < LEAST_MEMORY:
        document.wrong(place, f"{shown(value)} is less than any kernel holds; write 500MB, 2GB, 2GiB")
    return size


def cpus(document: Document, place: Place, value: Any) -> int:
    """Return how many processors."""
    if _whole(value) and value >= 1:
        return int(value)
    document.wrong(place, f"{shown(value)} is no number of processors; write 1 or more, whole")
    return 1


def variables(document: Document, place: Place, value: Any) -> tuple[str, ...]:
    """Return names of variables of the environment."""
    names = texts(document, place, value)
    for at, name in enumerate(names):
        if not VARIABLE.fullmatch(name):
            document.wrong((*place, at), f"{shown(name)} is no name of a variable of the environment")
    return names


def secrets(document: Document, place: Place, value: Any) -> dict[str, str]:
    """Return references by name. No message repeats what was written: it may be the secret itself."""
    if value is not None and not isinstance(value, dict):
        document.wrong(place, "this is no mapping; write name: env:NAME")
        return {}
    return {
        name: _reference(document, (*place, name), reference) for name, reference in (value or {}).items()
    }


def _reference(document: Document, place: Place, reference: Any) -> str:
    try:
        return checked_reference(reference)
    except UsageError as error:
        document.wrong(place, str(error))
        return ""


def warm(document: Document, place: Place, value: Any) -> tuple[str, ...] | None:
    """Return modules to import ahead; None when none ever may be."""
    if value is False:
        return None
    if isinstance(value, bool):
        document.wrong(place, "true says nothing that is not so already; write [pandas, sklearn] or false")
        return ()
    names = texts(document, place, value)
    for at, name in enumerate(names):
        if not MODULE.fullmatch(name):
            document.wrong((*place, at), f"{shown(name)} is no name of a module")
    return names


def paths(document: Document, place: Place, value: Any) -> tuple[str, ...]:
    """Return files and folders as they were written."""
    names = texts(document, place, value)
    for at, name in enumerate(names):
        if ADDRESS.match(name):
            document.wrong(
                (*place, at), f"{shown(name)} is no file; read it in the notebook and write a file there"
            )
    return names


def yes(document: Document, place: Place, value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        document.wrong(place, f"{shown(value)} is neither true nor false")
    return bool(value)


def known(document: Document, place: Place, given: dict[str, Any], fields: dict[str, Any]) -> None:
    """Note each key that is none of the fields, with the nearest that are."""
    for key in given:
        if key not in fields:
            document.wrong((*place, key), f"no such key; {did_you_mean(key, fields, limit=1)}", at_key=True)


OF_DEFAULTS: Final[dict[str, Check]] = {
    "retries": retries,
    "timeout": timeout,
    "resources": resources,
    "variables": variables,
    "secrets": secrets,
    "warm": warm,
    "kernel": text,
}
OF_STEP: Final[dict[str, Check]] = {
    "notebook": text,
    "parameters": parameters,
    "inputs": paths,
    "outputs": paths,
    "after": texts,
    "matrix": matrix,
    **OF_DEFAULTS,
}
OF_PIPELINE: Final[dict[str, Check | None]] = {
    "name": text,
    "parameters": parameters,
    "defaults": None,
    "steps": None,
    "mlflow": yes,
}
