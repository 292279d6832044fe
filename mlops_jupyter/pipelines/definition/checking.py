"""The shape of a pipeline's file: which keys it has and what they may hold; all that is wrong, at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.pipelines.definition.fields import (
    OF_DEFAULTS,
    OF_PIPELINE,
    OF_STEP,
    known,
    mapping,
    parameters,
    shown,
    yes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.pipelines.definition.positions import Document, Place

STEP_NAME: Final = re.compile(r"[^\W\d][\w-]{0,63}")
PIPELINE_NAME: Final = re.compile(r"\w[\w.-]{0,99}")
MERGED: Final = ("resources", "secrets")


@dataclass(frozen=True)
class WrittenStep:
    """A step as it is written, each field checked by itself.

    Parameters
    ----------
    name : str
        Its name.
    place : tuple
        Where it stands in the document.
    fields : mapping
        What was written, with the defaults of the pipeline.
    """

    name: str
    place: Place
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WrittenPipeline:
    """A pipeline's file as it is written, each field checked by itself."""

    name: str
    parameters: dict[str, Any]
    steps: tuple[WrittenStep, ...]
    mlflow: bool = True


def written_pipeline(document: Document, folder_name: str) -> WrittenPipeline:
    """Return what a pipeline's file says; what is wrong is noted in the document.

    Parameters
    ----------
    document : Document
        The file.
    folder_name : str
        What the pipeline is called when it has no name.
    """
    given = document.data
    if not isinstance(given, dict):
        said = "is empty" if given is None else f"holds {shown(given)}"
        document.wrong((), f"{document.file} {said}; write 'steps:' and below it 'NAME: NOTEBOOK.ipynb'")
        return WrittenPipeline(folder_name, {}, ())
    known(document, (), given, OF_PIPELINE)
    return WrittenPipeline(
        _pipeline_name(document, given.get("name"), folder_name),
        parameters(document, ("parameters",), given.get("parameters")),
        tuple(_steps(document, given, _defaults(document, given))),
        yes(document, ("mlflow",), given.get("mlflow", True)),
    )


def _pipeline_name(document: Document, name: Any, folder_name: str) -> str:
    if name is None:
        return name_of(folder_name)
    if not isinstance(name, str) or not PIPELINE_NAME.fullmatch(name):
        document.wrong(("name",), f"{shown(name)} is no name; write letters, digits, - and _")
        return "pipeline"
    return name


def name_of(folder_name: str) -> str:
    """Return what a pipeline is called by its folder.

    Examples
    --------
    >>> name_of("my delays (new)")
    'my-delays-new'
    """
    return re.sub(r"[^\w.-]+", "-", folder_name).strip("-.")[:100] or "pipeline"


def _defaults(document: Document, given: dict[str, Any]) -> dict[str, Any]:
    defaults = mapping(document, ("defaults",), given.get("defaults"))
    known(document, ("defaults",), defaults, OF_DEFAULTS)
    _checked(document, ("defaults",), defaults, OF_DEFAULTS)
    return defaults


def _checked(
    document: Document, place: Place, given: dict[str, Any], fields: dict[str, Any]
) -> dict[str, Any]:
    return {
        name: fields[name](document, (*place, name), value)
        for name, value in given.items()
        if fields.get(name)
    }


def _steps(document: Document, given: dict[str, Any], defaults: dict[str, Any]) -> Iterator[WrittenStep]:
    steps = given.get("steps")
    if not isinstance(steps, dict | list) or not steps:
        said = "there are no steps" if not steps else f"{shown(steps)} is no mapping"
        document.wrong(("steps",), f"{said}; write 'NAME: NOTEBOOK.ipynb' below 'steps:'")
        return
    seen: dict[str, Place] = {}
    for name, place, body in _named(document, steps):
        if name in seen:
            first = document.position(seen[name]).line
            document.wrong(place, f"a step called {name!r} is there already, in line {first}")
        seen.setdefault(name, place)
        yield _step(document, name, place, body, defaults)


def _named(document: Document, steps: Any) -> Iterator[tuple[str, Place, Any]]:
    if isinstance(steps, dict):
        for name, body in steps.items():
            _check_step_name(document, ("steps", name), name, at_key=True)
            yield name, ("steps", name), body
        return
    for at, body in enumerate(steps):
        place: Place = ("steps", at)
        if not isinstance(body, dict) or "name" not in body:
            document.wrong(place, "a step of a list needs a name; write - name: NAME")
            continue
        name = body["name"]
        _check_step_name(document, (*place, "name"), name)
        yield str(name), place, {key: value for key, value in body.items() if key != "name"}


def _check_step_name(document: Document, place: Place, name: Any, at_key: bool = False) -> None:
    if not isinstance(name, str) or not STEP_NAME.fullmatch(name):
        rule = "a step's name is letters, digits, - and _, a letter first"
        document.wrong(place, f"{shown(name)} is no name of a step: {rule}", at_key)


def _step(document: Document, name: str, place: Place, body: Any, defaults: dict[str, Any]) -> WrittenStep:
    given = {"notebook": body} if isinstance(body, str) else body
    if not isinstance(given, dict):
        document.wrong(place, f"{shown(given)} is no step; write notebook: {name}.ipynb below it")
        return WrittenStep(name, place)
    known(document, place, given, OF_STEP)
    if "notebook" not in given:
        document.wrong(place, f"it has no notebook; write notebook: {name}.ipynb", at_key=True)
    if isinstance(body, str):
        document.values[(*place, "notebook")] = document.position(place)
    return WrittenStep(name, place, _with_defaults(document, place, given, defaults))


def _with_defaults(
    document: Document, place: Place, given: dict[str, Any], defaults: dict[str, Any]
) -> dict[str, Any]:
    """Return a step's checked fields over those of the defaults; resources and secrets one by one."""
    own = _checked(document, place, given, OF_STEP)
    both = {name: {**defaults[name], **given[name]} for name in MERGED if _mappings(name, defaults, given)}
    quiet = replace(document, problems=[])  # what is wrong with defaults is told where they stand
    rest = {name: value for name, value in defaults.items() if name not in given}
    return own | _checked(quiet, place, rest | both, OF_DEFAULTS)


def _mappings(name: str, *both: dict[str, Any]) -> bool:
    return all(isinstance(given.get(name), dict) for given in both)
