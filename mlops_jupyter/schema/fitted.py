"""Whether a model can be packaged, and whether this is the data it was fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import DataError, ModelError, did_you_mean

from .data import ModelInput, is_frame

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_fitted(model: Any) -> None:
    """Refuse what is not a fitted model with `predict`.

    Raises
    ------
    ModelError
        For a class, an estimator without `predict`, an unfitted one.
    """
    name = type(model).__name__
    if isinstance(model, type):
        raise ModelError(f"{model.__name__} is a class", hint=f"fit it first: {model.__name__}().fit(X, y)")
    if not callable(getattr(model, "predict", None)):
        raise ModelError(
            f"{name} has no predict", why=_without_predict(model), hint="package a model that has"
        )
    if hasattr(model, "fit") and not _is_fitted(model):
        raise ModelError(f"this {name} is not fitted", hint="call its fit first")


def match_columns(model: Any, data: ModelInput) -> ModelInput:
    """Return the data as the model was fitted on it: the same columns, in the same order.

    Parameters
    ----------
    model : object
        The fitted model, or the preprocessor before it.
    data : pandas.DataFrame, numpy.ndarray, scipy.sparse.csr_matrix or list of str
        One of the forms of `schema.data`.

    Raises
    ------
    DataError
        Naming the columns that are missing or too many, with the nearest known.
    """
    if isinstance(data, list):
        return data
    names = fitted_names(model)
    if names is not None:
        return _named(names, data)
    count = getattr(model, "n_features_in_", None)
    if count is not None and int(count) != data.shape[1]:
        raise DataError(
            f"the data has {data.shape[1]} columns, the model was fitted on {count}",
            hint="give --data the features alone; --target NAME takes the answer out of them",
        )
    if is_frame(data) and count is not None and all(kind.kind in "biuf" for kind in data.dtypes):
        return data.to_numpy()  # fitted without names: with them scikit-learn warns at every call
    return data


def fitted_names(model: Any) -> list[str] | None:
    """Return the names of the columns the model was fitted on, when it knows them."""
    for attribute in ("feature_names_in_", "feature_names_"):  # scikit-learn and its kin, CatBoost
        try:
            names = getattr(model, attribute, None)
        except Exception:  # noqa: BLE001 - LightGBM raises its own error before it is fitted
            continue
        if names is not None and len(names) and all(isinstance(name, str) for name in names):
            return [str(name) for name in names]
    return None


def _named(names: Sequence[str], data: ModelInput) -> ModelInput:
    if not is_frame(data):
        return _with_names(names, data)
    present = list(data.columns)
    missing = [name for name in names if name not in present]
    extra = [name for name in present if name not in set(names)]
    if missing:
        near = did_you_mean(missing[0], extra) if extra else ""
        raise DataError(f"the data lacks {_listed(missing)}", why="the model was fitted on it", hint=near)
    if extra:
        raise DataError(
            f"the data has {_listed(extra)}, which the model was not fitted on",
            hint=f"give --target {extra[0]} or leave it out" if len(extra) == 1 else "leave them out",
        )
    return data if present == list(names) else data[list(names)]


def _with_names(names: Sequence[str], data: ModelInput) -> ModelInput:
    """Give an array the names its model knows, in order, as scikit-learn itself assumes."""
    import pandas as pd

    if data.shape[1] != len(names):
        raise DataError(
            f"the data has {data.shape[1]} columns, the model was fitted on {len(names)}",
            hint=f"it expects {_listed(names)}",
        )
    if hasattr(data, "tocsr"):
        data = data.toarray()  # wide sparse input has no names: this is a table somebody compressed
    return pd.DataFrame(data, columns=list(names))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"column{'s' * (len(names) > 1)} {shown}{more}"


def _without_predict(model: Any) -> str:
    if hasattr(model, "fit_predict"):
        return "it labels only the rows it is fitted on, so it cannot answer for new ones"
    return "it only transforms" if hasattr(model, "transform") else ""


def _is_fitted(model: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    except TypeError:
        return True  # not a scikit-learn estimator: asking it for an answer will tell
    return True
