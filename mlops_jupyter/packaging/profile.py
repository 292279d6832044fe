"""The reference profile: what the data was like that a model learnt from, and what it answers to it.

No rows are kept, only counts. It is no part of the content digest, as metrics are not: the same model is the
same version, whichever rows it was shown with.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mlops_jupyter.profiles import frames
from mlops_jupyter.profiles.files import PACKAGE_FILE, ProfileFile, as_bytes, read_profile
from mlops_jupyter.profiles.labels import Codes
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.profiles.values import of_numpy
from mlops_jupyter.schema.data import ModelInput, count_rows, head, is_frame, is_sparse
from mlops_jupyter.serving.answers import AnswerMaker, positions_of
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.layout import Layout, make_layout
from mlops_jupyter.serving.router import Contract
from mlops_jupyter.serving.runtimes.prediction import (
    Prediction,
    as_declared,
    gives_probabilities,
    split_outputs,
    split_probabilities,
)
from mlops_jupyter.stats.edges import CELLS
from mlops_jupyter.stats.profiles import Profile

from . import folders
from .sealing import verified

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.profiles.tables import Table
    from mlops_jupyter.profiles.values import Values

    from .subject import Subject

_ANSWERED: Final = 50_000  # rows the model is asked about: what it answers is known by them to half a percent
_COLUMNS: Final = 2_000
_CELLS: Final = 400_000  # of all columns together: a package stays small, however wide its data
_FEWEST: Final = 32


def write_reference(folder: Path, subject: Subject, schema: dict[str, Any], serving: dict[str, Any]) -> str:
    """Write the profile of the training data and of the model's answers to it.

    Parameters
    ----------
    folder : Path
        The package.
    subject : Subject
        The model and its rows; none is written of rows that are only an example.
    schema, serving : dict
        The feature schema and the serving configuration.

    Returns
    -------
    str
        What the reader should know: what is not in it, and why; empty when all is.
    """
    if subject.exemplary:
        return "no reference profile: no --data was given; `%mlops drift` will want --reference"
    layout = make_layout(Contract("", schema, serving), Options())
    features, notes = _features(subject.train.features, schema["input"], layout), []
    if features is None:
        notes.append(f"{len(layout.features):,} features are too many to profile")
    answers, answered, why = _answered(subject, schema, serving, layout)
    if why:
        notes.append(f"the model's answers are not profiled: {why}")
    rows = count_rows(subject.train.features)
    profile = Profile((features.columns if features else {}) | answers.columns, rows)
    about = {"label": "training data", "roles": _roles(layout), "answered": answered}
    folders.write(folder / PACKAGE_FILE, as_bytes(profile, about), "package.profile")
    return "; ".join(notes)


def read_reference(package: Path, digest: str | None = None) -> ProfileFile | None:
    """Return the reference profile of a package, verified first; None of one that was made without.

    Parameters
    ----------
    package : Path
        Its folder.
    digest : str, optional
        The content digest it is known by.

    Raises
    ------
    IntegrityError
        When a file of the package is not what was packaged.
    """
    manifest = verified(package, digest)
    return read_profile(package / PACKAGE_FILE) if PACKAGE_FILE in manifest.files else None


def _features(data: ModelInput, taken: dict[str, Any], layout: Layout) -> Profile | None:
    names = [feature.column for feature in layout.features]
    if len(names) > _COLUMNS:
        return None
    columns = [{**column, "name": name} for column, name in zip(taken["columns"], names, strict=True)]
    cells = max(_FEWEST, min(CELLS, _CELLS // len(names)))
    return profile_table(_table(data, taken, names), schema={"columns": columns}, cells=cells)


def _table(data: ModelInput, taken: dict[str, Any], names: list[str]) -> Table:
    """Return a table over the rows, its columns named as they are captured."""
    if isinstance(data, list):
        return frames.of_columns({names[0]: data})
    if is_frame(data):
        return frames.of_pandas(data[[column["name"] for column in taken["columns"]]].set_axis(names, axis=1))
    return frames.of_sparse(data, names) if is_sparse(data) else frames.of_matrix(data, names)


def _answered(
    subject: Subject, schema: dict[str, Any], serving: dict[str, Any], layout: Layout
) -> tuple[Profile, int, str]:
    """Return the profile of the model's answers, to how many rows, and why there is none."""
    rows = head(subject.train.features, _ANSWERED)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            prediction = _predicted(subject.answering, rows, schema)
    except Exception as failure:  # noqa: BLE001 - a model of the user's can fail in any way on its own rows
        return (
            Profile(),
            0,
            f"{type(failure).__name__}: {str(failure).splitlines()[0] if str(failure) else ''}",
        )
    return profile_table(_answers(prediction, schema, serving, layout)), count_rows(rows), ""


def _predicted(model: Any, rows: ModelInput, schema: dict[str, Any]) -> Prediction:
    outputs = schema["output"]["outputs"]
    labels = split_outputs(model.predict(rows))
    tables = (
        split_probabilities(model.predict_proba(rows), len(labels)) if gives_probabilities(schema) else None
    )
    declared = [as_declared(values, entry) for values, entry in zip(labels, outputs, strict=True)]
    return Prediction(declared, tables)


def _answers(
    prediction: Prediction, schema: dict[str, Any], serving: dict[str, Any], layout: Layout
) -> Table:
    """Return a table of what a caller is told, its columns named as they are captured."""
    labels = prediction.labels
    if serving["threshold"] is not None:  # which only a model with one output has
        labels = [np.array(AnswerMaker(schema, serving).answer(prediction, scored=False).predictions)]
    outputs = schema["output"]["outputs"]
    columns: dict[str, Values] = {
        captured.column: _labels(values, output["classes"])
        for captured, values, output in zip(layout.predictions, labels, outputs, strict=True)
    }
    for each, table in zip(layout.scores, prediction.probabilities or (), strict=False):
        columns |= {captured.column: of_numpy(table[:, at]) for at, captured in enumerate(each)}
    return frames.of_values(columns)


def _labels(values: Any, classes: list[Any] | None) -> Values:
    """Return labels as levels, though they be numbers; values are what they are."""
    if not classes or not {type(label) for label in classes} <= {str, int}:
        return of_numpy(values)
    return Codes(classes, positions_of(values, classes))


def _roles(layout: Layout) -> dict[str, str]:
    answers = (*layout.predictions, *(score for output in layout.scores for score in output))
    return {captured.column: captured.part for captured in answers}
