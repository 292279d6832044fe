"""Does the converted model answer what the original answers?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.serving.runtimes import NativeRuntime

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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def compare(model: Any, candidate: Runtime, sample: Any, schema: dict[str, Any]) -> Parity:
    """Compare a model in memory with a runtime, on the sample and on rows made to tell them apart."""
    reference = NativeRuntime(model, schema)
    return difference(reference.predict_input(sample), candidate.predict_input(sample), schema)


def difference(expected: Prediction, got: Prediction, schema: dict[str, Any]) -> Parity:
    """Measure how far two predictions for the same rows are apart."""
    rows = len(expected.labels[0])
    scores = np.zeros(rows)
    changed = np.zeros(rows, dtype=bool)
    for ours, theirs, output in zip(expected.labels, got.labels, schema["output"]["outputs"], strict=True):
        if output["classes"] is None and np.asarray(ours).dtype.kind == "f":
            scores = np.maximum(scores, _relative(ours, theirs))
        else:
            changed |= np.asarray(ours).astype(str) != np.asarray(theirs).astype(str)
    for ours, theirs in zip(expected.probabilities or (), got.probabilities or (), strict=True):
        scores = np.maximum(scores, np.nan_to_num(np.abs(ours - theirs), nan=np.inf).max(axis=1))
    beyond = changed | ~(scores <= TOLERANCE)
    return Parity(rows, int(changed.sum()), float(scores.max(initial=0.0)), int(beyond.sum()))


def _relative(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
    gap = np.abs(ours - np.asarray(theirs, dtype=float)) / np.maximum(1.0, np.abs(ours))
    return np.nan_to_num(gap, nan=np.inf)
