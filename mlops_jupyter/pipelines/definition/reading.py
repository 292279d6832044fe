"""Reading a pipeline's file: what is to run, else all that is wrong, each with line and column."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.pipelines.definition.checking import written_pipeline
from mlops_jupyter.pipelines.definition.drafts import Scene, drafts_of
from mlops_jupyter.pipelines.definition.edges import linked, outputs_of_steps
from mlops_jupyter.pipelines.definition.parameters import pipeline_parameters
from mlops_jupyter.pipelines.definition.paths import is_glob, normal
from mlops_jupyter.pipelines.definition.pipeline import Pipeline
from mlops_jupyter.pipelines.definition.positions import Document, read_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_jupyter.pipelines.definition.positions import Place

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def read_pipeline(
    file: Path,
    given: Mapping[str, Any] = NOTHING,
    moment: datetime | None = None,
    folder: Path | None = None,
) -> Pipeline:
    """Return a pipeline as it is to be run now.

    Parameters
    ----------
    file : Path
        ``pipeline.yaml``.
    given : mapping
        Parameters over those of the file. Text, as a command line has, becomes the type that the file shows.
    moment : datetime or None
        The run's date, with its zone, for ``@date(…)``; None is now, here.
    folder : Path or None
        What paths in it are relative to; None is where the file is.

    Raises
    ------
    PipelineError
        With all that is wrong, each as ``pipeline.yaml:12:7: steps.train.timeout: …``.
    """
    file = Path(os.path.abspath(file))  # noqa: PTH100 - as it was asked for: no link is followed
    document = read_document(file)
    moment = moment or datetime.now().astimezone()
    folder = folder or file.parent
    written = written_pipeline(document, folder.name)
    parameters = pipeline_parameters(document, written.parameters, given, moment)
    scene = Scene(document, folder, parameters, moment)
    drafts = [draft for step in written.steps for draft in drafts_of(scene, step)]
    steps = linked(scene, drafts)
    document.refuse()
    return Pipeline(written.name, file, folder, parameters, steps, written.mlflow)


def missing_inputs(pipeline: Pipeline, names: tuple[str, ...] | None = None) -> tuple[tuple[str, str], ...]:
    """Return the inputs that are not there and that no step makes, each behind its step's name.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    names : tuple of str or None
        The steps that are to run; None is all of them.
    """
    outputs = outputs_of_steps(pipeline.steps)
    return tuple(
        (step.name, wanted)
        for step in pipeline.steps
        if names is None or step.name in names
        for wanted in step.inputs
        if not outputs.makers(wanted) and not _is_there(pipeline.folder, wanted)
    )


def check_inputs(pipeline: Pipeline, names: tuple[str, ...] | None = None) -> None:
    """Raise `PipelineError` when inputs are not there and no step makes them; see `missing_inputs`."""
    missing = missing_inputs(pipeline, names)
    if missing:
        document = _document_again(pipeline.file)
        known = {output for step in pipeline.steps for output in step.outputs}
        for name, wanted in missing:
            step = pipeline.step(name)
            place = (*_place_of(document, step.group or name), "inputs", step.inputs.index(wanted))
            document.wrong(place, _told(pipeline.folder, wanted, known))
        document.refuse()


def _document_again(file: Path) -> Document:
    """Return the file for the places in it; it may have changed, or be gone, since it was read."""
    try:
        document = read_document(file)
    except UsageError:
        return Document(file.name)
    document.problems.clear()
    return document


def _place_of(document: Document, name: str) -> Place:
    steps = document.data.get("steps") if isinstance(document.data, dict) else None
    if not isinstance(steps, list):
        return ("steps", name)
    named = (at for at, body in enumerate(steps) if isinstance(body, dict) and body.get("name") == name)
    return ("steps", next(named, 0))


def _told(folder: Path, wanted: str, known: set[str]) -> str:
    if is_glob(wanted):
        return f"nothing is at {wanted!r}, and no step has such a file among its outputs"
    above = (folder / wanted).parent
    beside = {normal(str(item), folder) for item in above.iterdir()} if above.is_dir() else set()
    near = did_you_mean(wanted, known | beside, limit=1)
    hint = f"; {near}" if near.startswith("did") else ""
    return f"there is no {wanted!r}, and no step has it among its outputs{hint}"


def _is_there(folder: Path, wanted: str) -> bool:
    if not is_glob(wanted) or (folder / wanted).exists():
        return (folder / wanted).exists()
    root, pattern = (Path("/"), wanted[1:]) if wanted.startswith("/") else (folder, wanted)
    return next(root.glob(pattern), None) is not None
