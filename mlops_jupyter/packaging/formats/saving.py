"""Choose the format of a model, write it under ``model/`` and read it back to see that it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import ModelError, did_you_mean
from mlops_jupyter.serving.runtimes import open_runtime

from . import boosters, by_value, graph, mlflow_folder, skops_file
from .parity import compare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMATS = ("auto", "onnx", "skops", "xgboost", "lightgbm", "catboost", "cloudpickle", "mlflow")


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
        How near ONNX came: ``rows``, ``labels_differ``, ``score_difference``, ``rows_differ``, ``tolerance``.
    config : dict
        The document of ``config/model_config.yaml``.
    """

    format: str
    why: str
    parity: dict[str, Any] | None
    config: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class _Request:
    model: Any
    folder: Path
    sample: Any
    schema: dict[str, Any]
    format: str
    allow_pickle: bool
    preprocessor: Any
    code: list[str]

    def saved(self, why: str, parity: dict[str, Any] | None = None, **config: Any) -> SavedModel:
        document: dict[str, Any] = {
            "preprocessor": None,
            "code": self.code,
            "estimator": _type_name(self.model),
            "options": {},
        }
        return SavedModel(config["format"], why, parity, document | config)


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
    model : object or path
        A fitted model with `predict`, or the folder of an MLflow model.
    folder : Path
        The package being built.
    sample : frame, ndarray, sparse matrix or list of str
        Up to 500 rows of what the model (or its preprocessor) takes, to compare formats on.
    schema : dict
        ``model/feature_schema.json``.
    format : str
        ``auto``, or the name of one format: then it is that or an error.
    allow_pickle : bool
        Whether cloudpickle may be the last resort, and whether an MLflow model may be unpickled.
    preprocessor : object, optional
        A fitted transformer that comes before the model.
    code : sequence of str
        Top-level modules in the package's ``code/``.

    Returns
    -------
    SavedModel
        The format, why, and the configuration.

    Raises
    ------
    ModelError
        When no allowed format can hold the model; it names the type that is in the way and the remedy.
    """
    if format not in FORMATS:
        raise ModelError(f"unknown format {format!r}", hint=did_you_mean(format, FORMATS))
    (folder / "model").mkdir(parents=True, exist_ok=True)
    request = _Request(
        _served(model), folder, sample, schema, format, allow_pickle, preprocessor, sorted(code)
    )
    if preprocessor is None:
        return _save(request)
    entry = _save_preprocessor(request)
    saved = _save(request)
    return SavedModel(saved.format, saved.why, saved.parity, saved.config | {"preprocessor": entry})


def _served(model: Any) -> Any:
    """Return the best estimator of a search: the rest of it is about training."""
    from sklearn.model_selection._search import BaseSearchCV

    return _served(model.best_estimator_) if isinstance(model, BaseSearchCV) else model


def _save(request: _Request) -> SavedModel:
    """Try what fits the model, in order of preference."""
    wanted = request.format
    if mlflow_folder.is_mlflow_folder(request.model) or wanted == "mlflow":
        return _save_mlflow(request)
    home = boosters.library(request.model)
    if home and wanted in ("auto", home):
        return _save_booster(request, home)
    if wanted in ("auto", "onnx"):
        return _save_graph(request)
    if wanted == "cloudpickle":
        return _save_pickle(request, "as asked")
    if wanted == "skops":
        return _save_skops(request, "as asked")
    raise ModelError(f"{_type_name(request.model)} is no {wanted} model", hint="--format auto chooses")


def _save_graph(request: _Request) -> SavedModel:
    attempt = _attempt_graph(request)
    if attempt.graph is not None:
        (request.folder / "model/model.onnx").write_bytes(attempt.graph)
        return request.saved(attempt.why, attempt.parity, format="onnx", model="model/model.onnx")
    if request.format == "onnx":
        raise ModelError(f"{type(request.model).__name__} cannot be served as ONNX", why=attempt.why)
    return _save_skops(request, attempt.why, attempt.parity)


def _attempt_graph(request: _Request) -> graph.Attempt:
    if request.preprocessor is not None:
        return graph.Attempt(None, "a separate preprocessor is served natively")
    return graph.attempt(request.model, request.sample, request.schema)


def _save_skops(request: _Request, why: str, parity: dict[str, Any] | None = None) -> SavedModel:
    try:
        skops_file.write(request.model, request.folder / "model/model.skops", request.code)
    except ModelError as refusal:
        if request.allow_pickle and request.format == "auto":
            return _save_pickle(request, f"{refusal.what}, and pickle was allowed")
        raise
    return request.saved(why, parity, format="skops", model="model/model.skops")


def _save_pickle(request: _Request, why: str) -> SavedModel:
    if not request.allow_pickle:
        raise ModelError(
            "cloudpickle was not allowed",
            why="its file runs whatever it says when it is loaded",
            hint="--allow-pickle, for code that you know",
        )
    by_value.write(request.model, request.folder / "model/model.pkl")
    return request.saved(why, format="cloudpickle", model="model/model.pkl")


def _save_booster(request: _Request, home: str) -> SavedModel:
    """Save in the library's own format, unless what comes back answers otherwise."""
    saved = request.saved(f"{home}'s own format", **boosters.write(request.model, request.folder, home))
    if not hasattr(request.model, "get_params") or request.preprocessor is not None:
        return saved
    runtime = open_runtime(request.folder, saved.config, request.schema)
    parity = compare(request.model, runtime, request.sample, request.schema)
    if parity.holds:
        return saved
    (request.folder / saved.config["model"]).unlink()
    return _save_skops(request, f"{home}'s own file answers otherwise ({parity.why})")


def _save_mlflow(request: _Request) -> SavedModel:
    if not mlflow_folder.is_mlflow_folder(request.model):
        raise ModelError(f"{request.model!r} is not the folder of an MLflow model")
    config = mlflow_folder.write(
        request.model, request.folder, request.code, allow_pickle=request.allow_pickle
    )
    return request.saved("an MLflow model is served by its own flavour", **config)


def _save_preprocessor(request: _Request) -> dict[str, Any]:
    try:
        skops_file.write(request.preprocessor, request.folder / "model/preprocessor.skops", request.code)
    except ModelError:
        if not request.allow_pickle:
            raise
        by_value.write(request.preprocessor, request.folder / "model/preprocessor.pkl")
        return {"format": "cloudpickle", "model": "model/preprocessor.pkl"}
    return {"format": "skops", "model": "model/preprocessor.skops"}


def _type_name(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"
