"""Choose the format of a model, write it under ``model/`` and read it back to see that it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import ModelError

from . import graph, skops_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMATS = ("auto", "onnx", "skops")


@dataclass(frozen=True)
class SavedModel:
    """What was written, and why in this format.

    Parameters
    ----------
    format : str
        The format that serves.
    why : str
        One short phrase for the reader.
    parity : dict or None
        How near ONNX came: ``rows``, ``labels_differ``, ``score_difference``, ``tolerance``.
    config : dict
        The document of ``config/model_config.yaml``.
    """

    format: str
    why: str
    parity: dict[str, Any] | None
    config: dict[str, Any] = field(repr=False)


def save_model(
    model: Any,
    folder: Path,
    sample: Any,
    schema: dict[str, Any],
    *,
    format: str = "auto",  # noqa: A002  (the word of the command)
    allow_pickle: bool = False,
    preprocessor: Any = None,
    code: Sequence[str] = (),
) -> SavedModel:
    """Write a fitted model under ``folder/model/``.

    Parameters
    ----------
    model : object
        A fitted model with `predict`.
    folder : Path
        The package being built.
    sample : frame, ndarray, sparse matrix or list of str
        Up to 500 rows of what the model takes, to compare formats on.
    schema : dict
        ``model/feature_schema.json``.
    format : str
        ``auto``, or the name of one format: then it is that or an error.
    allow_pickle : bool
        Whether cloudpickle may be the last resort.
    preprocessor : object, optional
        A fitted transformer that comes before the model.
    code : sequence of str
        Top-level modules in the package's ``code/``.

    Raises
    ------
    ModelError
        When no allowed format can hold the model; it names the type that is in the way and the remedy.
    """
    if format not in FORMATS:
        raise ModelError(f"unknown format {format!r}", hint=f"known: {', '.join(FORMATS)}")
    (folder / "model").mkdir(parents=True, exist_ok=True)
    config = {
        "format": "skops",
        "model": "model/model.skops",
        "preprocessor": None,
        "code": sorted(code),
        "estimator": f"{type(model).__module__}.{type(model).__qualname__}",
        "options": {},
    }
    if format in ("auto", "onnx"):
        attempt = graph.attempt(model, sample, schema)
        if attempt.graph is not None:
            config |= {"format": "onnx", "model": "model/model.onnx"}
            (folder / "model/model.onnx").write_bytes(attempt.graph)
            return SavedModel("onnx", attempt.why, attempt.parity, config)
        if format == "onnx":
            raise ModelError(f"{type(model).__name__} cannot be served as ONNX", why=attempt.why)
    skops_file.write(model, folder / "model/model.skops", code)
    return SavedModel("skops", attempt.why if format == "auto" else "as asked", None, config)
