"""Measure whether a converted model answers what the original answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.schema.asking import asking
from mlops_jupyter.serving.runtimes import NativeRuntime

from .probes import Probe, probes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_jupyter.serving.runtimes import Prediction, Runtime

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Parity:
    """How far two models are apart.

    Parameters
    ----------
    rows : int
        Rows compared.
    labels_differ : int
        Rows whose label is another one.
    score_difference : float
        The largest difference of a probability, or of a regressor's value relative to ``max(1, |value|)``.
    rows_differ : int
        Rows beyond the tolerance, labels included.
    tolerance : float
        What is accepted.
    """

    rows: int
    labels_differ: int
    score_difference: float
    rows_differ: int
    tolerance: float = TOLERANCE

    @property
    def holds(self) -> bool:
        """Whether every label is equal and every score within the tolerance."""
        return self.rows_differ == 0

    @property
    def why(self) -> str:
        """One short phrase."""
        if self.holds:
            return f"ONNX answers the same on {self.rows:,} rows, scores within {self.score_difference:.0e}"
        if self.labels_differ:
            return f"ONNX gives another label on {self.labels_differ:,} of {self.rows:,} rows"
        return f"ONNX differs by {self.score_difference:.2g} on {self.rows_differ:,} of {self.rows:,} rows"

    def __add__(self, other: Parity) -> Parity:
        return Parity(
            self.rows + other.rows,
            self.labels_differ + other.labels_differ,
            max(self.score_difference, other.score_difference),
            self.rows_differ + other.rows_differ,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def compare(model: Any, candidate: Runtime, sample: Any, schema: dict[str, Any]) -> Parity:
    """Compare a model in memory with a runtime, on the sample and on rows made to tell them apart."""
    reference = NativeRuntime(model, schema)
    with asking():
        total = difference(reference.predict_input(sample), candidate.predict_input(sample), schema)
        for probe in probes(model, sample, schema):
            total += _asked(reference, candidate, probe, schema)
    return total


def _asked(reference: Runtime, candidate: Runtime, probe: Probe, schema: dict[str, Any]) -> Parity:
    """Compare on one kind of rows; where the model refuses a category, the candidate must refuse it too."""
    expected = _answer(reference, probe)
    if expected is None and probe.kind != "unseen categories":
        return Parity(0, 0, 0.0, 0)
    got = _answer(candidate, probe)
    if expected is None or got is None:
        wrong = 0 if expected is got else probe.batch.rows
        return Parity(probe.batch.rows, wrong, 0.0, wrong)
    return difference(expected, got, schema)


def _answer(runtime: Runtime, probe: Probe) -> Prediction | None:
    try:
        return runtime.predict(probe.batch)
    except Exception:  # noqa: BLE001  (a model may refuse rows in any way)
        return None


def difference(expected: Prediction, got: Prediction, schema: dict[str, Any]) -> Parity:
    """Measure how far two predictions for the same rows are apart."""
    rows = len(expected.labels[0])
    scores = np.zeros(rows)
    changed = np.zeros(rows, dtype=bool)
    for ours, theirs, output in zip(expected.labels, got.labels, schema["output"]["outputs"], strict=True):
        if output["classes"] is None and np.asarray(ours).dtype.kind == "f":
            scores = np.maximum(scores, _relative(ours, theirs))
        else:
            changed |= _other_label(np.asarray(ours), np.asarray(theirs))
    for ours, theirs in zip(expected.probabilities or (), got.probabilities or (), strict=True):
        scores = np.maximum(scores, _gap(ours, theirs).max(axis=1))
    beyond = changed | ~(scores <= TOLERANCE)
    return Parity(rows, int(changed.sum()), float(scores.max(initial=0.0)), int(beyond.sum()))


def _other_label(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.bool_]:
    if ours.dtype.kind in "biuf" and theirs.dtype.kind in "biuf":
        return np.asarray(ours != theirs)
    return np.asarray(ours.astype(str) != theirs.astype(str))


def _relative(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
    size = np.nan_to_num(np.abs(ours.astype(np.float64)))
    return np.asarray(_gap(ours, theirs) / np.maximum(1.0, size))


def _gap(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
    """Return the absolute difference: none between equals, infinities and two missing values included."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(ours - theirs)
    return np.asarray(np.where(same, 0.0, np.nan_to_num(gap, nan=np.inf)))
