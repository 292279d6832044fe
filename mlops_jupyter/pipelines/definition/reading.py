"""Reading a pipeline's file: what is to run, else all that is wrong, each with line and column."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.pipelines.definition.checking import written_pipeline
from mlops_jupyter.pipelines.definition.drafts import Scene, drafts_of
from mlops_jupyter.pipelines.definition.edges import linked, outputs_of_steps
from mlops_jupyter.pipelines.definition.parameters import pipeline_parameters
from mlops_jupyter.pipelines.definition.paths import is_glob
from mlops_jupyter.pipelines.definition.pipeline import Pipeline
from mlops_jupyter.pipelines.definition.positions import PipelineError, Position, Problem, read_document

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    problems = [
        Problem(_told(name, wanted), Position(pipeline.step(name).line, 1))
        for name, wanted in missing_inputs(pipeline, names)
    ]
    if problems:
        raise PipelineError(pipeline.file.name, problems)


def _told(name: str, wanted: str) -> str:
    said = f"nothing is at {wanted!r}" if is_glob(wanted) else f"there is no {wanted!r}"
    return f"steps.{name}.inputs: {said}, and no step has it among its outputs"


def _is_there(folder: Path, wanted: str) -> bool:
    if not is_glob(wanted) or (folder / wanted).exists():
        return (folder / wanted).exists()
    root, pattern = (Path("/"), wanted[1:]) if wanted.startswith("/") else (folder, wanted)
    return next(root.glob(pattern), None) is not None
