"""From a step as it is written to the steps it stands for: its matrix, its notebook, its templates filled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import MlopsError, UsageError
from mlops_jupyter.pipelines.definition.declared import declared_fields
from mlops_jupyter.pipelines.definition.exchanged import ValueCall, imports_ahead, values_taken
from mlops_jupyter.pipelines.definition.matrix import MOST_STEPS, combinations
from mlops_jupyter.pipelines.definition.notebooks import Parameter, parameters_of, read_notebook
from mlops_jupyter.pipelines.definition.parameters import in_the_notebooks_type, misfit
from mlops_jupyter.pipelines.definition.paths import normal
from mlops_jupyter.pipelines.definition.pipeline import Resources, Step
from mlops_jupyter.pipelines.definition.secrets import checked_reference
from mlops_jupyter.pipelines.definition.templates import as_text, filled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mlops_jupyter.pipelines.definition.checking import WrittenStep
    from mlops_jupyter.pipelines.definition.notebooks import Notebook
    from mlops_jupyter.pipelines.definition.positions import Document, Place

STATE = ".mlops"


@dataclass(frozen=True)
class Scene:
    """What every step of a file is read against."""

    document: Document
    folder: Path
    parameters: Mapping[str, Any]
    moment: datetime


@dataclass(frozen=True)
class Draft:
    """A step whose needs are still names of steps and files.

    Parameters
    ----------
    step : Step
        All but what it needs.
    place : tuple
        Where it stands in the document.
    after : tuple of str
        The steps it names.
    taken : tuple of ValueCall
        The values it takes.
    """

    step: Step
    place: Place
    after: tuple[str, ...] = ()
    taken: tuple[ValueCall, ...] = ()


def drafts_of(scene: Scene, written: WrittenStep) -> Iterator[Draft]:
    """Yield the steps that one of the file stands for; what is wrong is noted in the document."""
    path = _notebook_path(scene, written)
    notebook = _notebook(scene, written, path)
    fields = {**(declared_fields(scene.document, written.place, path) if notebook else {}), **written.fields}
    matrix = fields.get("matrix", {})
    steps = combinations(written.name, matrix)
    if len(steps) > MOST_STEPS:
        scene.document.wrong(
            (*written.place, "matrix"), f"it makes {len(steps):,} steps; {MOST_STEPS} is the most"
        )
        return
    known = parameters_of(path) if notebook else {}
    for name, chosen in steps:
        parameters = _parameters(scene, written, chosen, known, path.name if notebook else "")
        yield _draft(scene, written, fields, path, notebook, name, parameters)


def _notebook_path(scene: Scene, written: WrittenStep) -> Path:
    name = written.fields.get("notebook") or ""
    return Path(os.path.normpath(scene.folder / Path(name).expanduser()))


def _notebook(scene: Scene, written: WrittenStep, path: Path) -> Notebook | None:
    place = (*written.place, "notebook")
    if not written.fields.get("notebook"):
        return None
    if path.suffix != ".ipynb":
        scene.document.wrong(place, f"'{written.fields['notebook']}' is no notebook; its name ends in .ipynb")
        return None
    if STATE in Path(os.path.relpath(path, scene.folder)).parts:
        scene.document.wrong(
            place, "notebooks below .mlops are what runs left, and runs overwrite them; copy it out"
        )
        return None
    try:
        return read_notebook(path)
    except MlopsError as error:
        scene.document.wrong(place, str(error))
        return None


def _parameters(
    scene: Scene, written: WrittenStep, chosen: dict[str, Any], known: dict[str, Parameter], notebook: str
) -> dict[str, Any]:
    """Return the pipeline's parameters that a notebook has, under the step's own, under its matrix's."""
    asked = written.fields.get("parameters", {})
    own = {name: _own(scene, written, name, value, chosen, known) for name, value in asked.items()}
    for name in chosen.keys() & own.keys():
        scene.document.wrong(
            (*written.place, "parameters", name), "it is in the matrix as well; take out one"
        )
    for name, value in (own | chosen).items() if notebook else ():
        place = (*written.place, "matrix" if name in chosen else "parameters", name)
        _check(scene, place, name, value, known, notebook)
    shared = {name: value for name, value in scene.parameters.items() if name in known}
    for name in shared.keys() - own.keys() - chosen.keys():
        _check(scene, ("parameters", name), name, shared[name], known, notebook)
    return shared | own | chosen


def _own(
    scene: Scene,
    written: WrittenStep,
    name: str,
    value: Any,
    chosen: dict[str, Any],
    known: dict[str, Parameter],
) -> Any:
    try:
        made = filled(value, {**scene.parameters, **chosen}, scene.moment)
    except UsageError as error:
        scene.document.wrong((*written.place, "parameters", name), str(error))
        return None
    return in_the_notebooks_type(made, value, known.get(name, Parameter()))


def _check(
    scene: Scene, place: Place, name: str, value: Any, known: dict[str, Parameter], notebook: str
) -> None:
    why = misfit(name, value, known, notebook)
    if why:
        scene.document.wrong(place, why, at_key=name not in known)


def _draft(
    scene: Scene,
    written: WrittenStep,
    fields: dict[str, Any],
    path: Path,
    notebook: Notebook | None,
    name: str,
    parameters: dict[str, Any],
) -> Draft:
    known = parameters_of(path) if notebook else {}
    scope = {name: parameter.default for name, parameter in known.items() if parameter.default is not None}
    scope |= {**scene.parameters, **parameters}
    code = notebook.code if notebook and notebook.language == "python" else ()
    warm = fields.get("warm", imports_ahead(code) if "warm" not in fields else None)
    step = Step(
        name,
        path,
        parameters,
        _secrets(scene, fields.get("secrets", {})),
        _paths(scene, (*written.place, "inputs"), fields.get("inputs", ()), scope),
        _paths(scene, (*written.place, "outputs"), fields.get("outputs", ()), scope),
        variables=fields.get("variables", ()),
        warm=warm or (),
        retries=fields.get("retries", 0),
        timeout=fields.get("timeout"),
        resources=fields.get("resources", Resources()),
        kernel=fields.get("kernel", ""),
        line=scene.document.position(written.place, at_key=True).line,
        group=written.name,
        fresh=warm is None,
    )
    return Draft(step, written.place, fields.get("after", ()), values_taken(code))


def _paths(scene: Scene, place: Place, written: tuple[str, ...], scope: dict[str, Any]) -> tuple[str, ...]:
    made = []
    for at, path in enumerate(written):
        try:
            made.append(normal(as_text(filled(path, scope, scene.moment)), scene.folder))
        except UsageError as error:
            scene.document.wrong((*place, at), str(error))
    return tuple(dict.fromkeys(made))


def _secrets(scene: Scene, references: dict[str, str]) -> dict[str, str]:
    return {
        name: checked_reference(reference, scene.folder)
        for name, reference in references.items()
        if reference
    }
