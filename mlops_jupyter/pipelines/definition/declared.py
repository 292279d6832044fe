"""A step declared in its notebook: ``%%mlops step --inputs a.parquet --outputs b.parquet --after x``."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.pipelines.definition.fields import OF_STEP
from mlops_jupyter.pipelines.definition.notebooks import read_notebook
from mlops_jupyter.pipelines.definition.positions import Document, Problem

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.definition.positions import Place

DECLARATION: Final = re.compile(r"\s*%%mlops\s+step\b(?P<words>[^\n]*)")
LISTS: Final = ("inputs", "outputs", "after", "variables", "warm")
SINGLES: Final = ("retries", "timeout", "kernel")
OF_RESOURCES: Final = ("memory", "cpus")
SECRETS: Final = ("secret", "secrets")
OPTIONS: Final = (*LISTS, *SINGLES, *OF_RESOURCES, "secret")
PATHS: Final = ("inputs", "outputs")


def declared_step(path: Path) -> dict[str, Any] | None:
    """Return what a notebook declares of its step, as it would stand in the pipeline's file.

    Parameters
    ----------
    path : Path
        The notebook.

    Returns
    -------
    dict or None
        Paths are relative to the notebook, as those in its code are. None when its first code cell with
        anything in it declares nothing.

    Raises
    ------
    UsageError
        When the line cannot be read.
    """
    first = next((source for source in read_notebook(path).code if source.strip()), "")
    found = DECLARATION.match(first)
    return parsed_words(found["words"]) if found else None


def parsed_words(words: str) -> dict[str, Any]:
    """Return the options of a declaration by their names.

    Parameters
    ----------
    words : str
        What follows ``%%mlops step``.

    Raises
    ------
    UsageError
        When a word is none of them.

    Examples
    --------
    >>> parsed_words("--inputs a.csv b.csv --memory 2GB --secret token=env:TOKEN")
    {'inputs': ['a.csv', 'b.csv'], 'resources': {'memory': '2GB'}, 'secrets': {'token': 'env:TOKEN'}}
    """
    made: dict[str, Any] = {}
    for option, values in _groups(words):
        _take(made, option, values)
    return made


def _groups(words: str) -> list[tuple[str, list[str]]]:
    """Return each option with the words that follow it."""
    try:
        split = shlex.split(words, comments=True)
    except ValueError as error:
        raise UsageError(f"%%mlops step{words}: {str(error).lower()}") from None
    groups: list[tuple[str, list[str]]] = []
    for word in split:
        if word.startswith("--"):
            option, _, value = word[2:].partition("=")
            groups.append((_known(option), [value] if value else []))
        elif not groups:
            raise UsageError(
                f"%%mlops step: {word!r} follows no option", hint="write --inputs FILE --outputs FILE"
            )
        else:
            groups[-1][1].append(word)
    return groups


def _known(option: str) -> str:
    singular = {"input": "inputs", "output": "outputs", "variable": "variables", "secrets": "secret"}
    option = singular.get(option, option)
    if option not in OPTIONS:
        raise UsageError(f"%%mlops step has no option --{option}", hint=did_you_mean(option, OPTIONS))
    return option


def _take(made: dict[str, Any], option: str, values: list[str]) -> None:
    if not values:
        raise UsageError(f"%%mlops step: --{option} needs a value")
    if option in LISTS:
        split = [part for value in values for part in value.split(",") if part]
        made[option] = False if split == ["false"] and option == "warm" else [*made.get(option, []), *split]
        return
    if option == "secret":
        made.setdefault("secrets", {}).update(_secret(value) for value in values)
        return
    if len(values) > 1:
        raise UsageError(f"%%mlops step: --{option} takes one value, not {' '.join(values)}")
    owner = made.setdefault("resources", {}) if option in OF_RESOURCES else made
    owner[option] = int(values[0]) if values[0].isdigit() and option in {"retries", "cpus"} else values[0]


def _secret(words: str) -> tuple[str, str]:
    name, equals, reference = words.partition("=")
    if not equals:
        raise UsageError(
            "%%mlops step: --secret takes a name and a reference", hint="write token=env:API_TOKEN"
        )
    return name, reference


def declared_fields(document: Document, place: Place, notebook: Path) -> dict[str, Any]:
    """Return what a notebook declares as checked fields of a step; what is wrong is noted there.

    Parameters
    ----------
    document : Document
        The pipeline's file.
    place : tuple
        The step's place in it.
    notebook : Path
        The notebook; its paths become absolute.
    """
    own = Document(notebook.name)
    try:
        given = declared_step(notebook) or {}
        made = {name: OF_STEP[name](own, (name,), value) for name, value in given.items()}
    except UsageError as error:
        own.problems.append(Problem(str(error)))
        made = {}
    for problem in own.problems:
        document.wrong((*place, "notebook"), f"{notebook.name} declares its step wrong: {problem.text}")
    return made | {
        name: tuple(_absolute(path, notebook) for path in made[name]) for name in PATHS if name in made
    }


def _absolute(path: str, notebook: Path) -> str:
    return (notebook.parent / Path(path).expanduser()).as_posix()
