"""What V2 tells without a prediction: the server, its health, and the tensors of each resident version.

A model goes by its registered name, and by the deployment's where that has another. A version in a path must
be resident here; without one, what is told is of the stable version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ..call import Outcome
from ..problems import InvalidRequest, nearest, shortened_name
from ..router import is_ready
from .v2_answer import output_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..gate import Gate
    from ..router import Contract, Router, Variant

SERVER = "mlops_model_server"
EXTENSIONS = ["binary_tensor_data"]
PLATFORM = "python"
_BY_DTYPE = {
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    **{f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_BY_TYPE = {"boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64"}


@dataclass(frozen=True, slots=True)
class ModelPath:
    """A path below ``/v2/models``.

    Parameters
    ----------
    model : str
        Its name.
    version : str or None
        The version, when the path has one.
    action : str
        ``infer``, ``ready``, or empty for what the model is.
    """

    model: str
    version: str | None
    action: str


def model_path(path: str) -> ModelPath | None:
    """Return what a path below ``/v2/models`` means, None when nothing.

    Examples
    --------
    >>> model_path("/v2/models/churn/versions/1.2.0/infer")
    ModelPath(model='churn', version='1.2.0', action='infer')
    >>> model_path("/v2/models/churn/versions") is None
    True
    """
    parts = path.split("/")
    if len(parts) not in (4, 5, 6, 7) or parts[:3] != ["", "v2", "models"] or "" in parts[3:]:
        return None
    version = None
    if len(parts) > 5:
        if parts[4] != "versions":
            return None
        version = parts[5]
        del parts[4:6]
    action = parts[4] if len(parts) == 5 else ""
    if action not in ("", "ready", "infer"):
        return None
    return ModelPath(parts[3], version, action)


def infer_path(path: str, router: Router) -> ModelPath | None:
    """Return the target of a path for predictions, None when it is not one.

    Raises
    ------
    InvalidRequest
        404 when there is no such model, or no such version of it.
    """
    target = model_path(path)
    if target is None or target.action != "infer":
        return None
    check_target(target.model, target.version, router)
    return target


def check_target(model: str, version: str | None, router: Router) -> None:
    """Refuse a model or a version that is not here.

    Raises
    ------
    InvalidRequest
        404, with what there is.
    """
    name = router.stable().contract.model
    if model not in (name, router.describe().get("deployment") if model != name else name):
        hint = nearest(model, [name]) or f"; this is {name}"
        raise InvalidRequest(404, f"no model {shortened_name(model)} here{hint}")
    versions = versions_of(router)
    if version is not None and version not in versions:
        there = ", ".join(versions)
        raise InvalidRequest(404, f"version {shortened_name(version)} is not resident here; there is {there}")


def versions_of(router: Router) -> list[str]:
    """Return the resident versions, each once."""
    return list(dict.fromkeys(variant.version for variant in router.variants))


def server_metadata(version: str) -> dict[str, Any]:
    """Return what ``GET /v2`` tells; the version is the stable one's, with whose package the server came."""
    return {"name": SERVER, "version": version, "extensions": EXTENSIONS}


def model_metadata(contract: Contract, versions: Sequence[str], name: str = "") -> dict[str, Any]:
    """Return what ``GET /v2/models/{name}`` tells.

    Parameters
    ----------
    contract : Contract
        Of the version that is asked about.
    versions : sequence of str
        Those that may be asked by name.
    name : str
        As the caller called it; the model's own when empty.
    """
    return {
        "name": name or contract.model,
        "versions": list(versions),
        "platform": PLATFORM,
        "inputs": _inputs(contract.schema["input"]),
        "outputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": tensor.shape(-1),
                "parameters": tensor.parameters,
            }
            for tensor in output_tensors(contract.schema).values()
        ],
    }


def v2_get(path: str, gate: Gate) -> Outcome | None:
    """Answer a GET of V2.

    Parameters
    ----------
    path : str
        Without the root path and the query.
    gate : Gate
        Its router knows what is resident.

    Returns
    -------
    Outcome or None
        None when the path is not one of V2's, or takes no GET.
    """
    router = gate.router
    match path.rstrip("/"):
        case "/v2":
            return _answer(server_metadata(router.stable().version))
        case "/v2/health/live":
            return _answer({"live": True})
        case "/v2/health/ready":
            ready = is_ready(router)
            return _answer({"ready": ready, "live": True}, 200 if ready else 503)
    target = model_path(path)
    if target is None or target.action == "infer":
        return None
    try:
        return _about_model(target, router)
    except InvalidRequest as refusal:
        return _answer(refusal.document(), refusal.status)


def _about_model(target: ModelPath, router: Router) -> Outcome:
    check_target(target.model, target.version, router)
    if target.action == "ready":
        ready = is_ready(router)
        return _answer({"name": target.model, "ready": ready}, 200 if ready else 503)
    variant = resident(target.version, router)
    return _answer(model_metadata(variant.contract, versions_of(router), target.model))


def resident(version: str | None, router: Router) -> Variant:
    """Return the variant of a version that `check_target` let pass, or the stable one."""
    if version is None:
        return router.stable()
    return next(variant for variant in router.variants if variant.version == version)


def _inputs(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tensors to send: one a column, or a single one where columns have no names of their own."""
    columns = schema["columns"]
    if schema["kind"] in ("matrix", "sparse") and len(columns) > 1:
        datatypes = {_datatype(column) for column in columns}
        datatype = datatypes.pop() if len(datatypes) == 1 else "FP64"
        return [{"name": "features", "datatype": datatype, "shape": [-1, len(columns)]}]
    return [_input(column) for column in columns]


def _input(column: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"name": column["name"], "datatype": _datatype(column), "shape": [-1, 1]}
    about: dict[str, Any] = {}
    if entry["datatype"] == "BYTES":
        about["content_type"] = "datetime" if column["type"] == "datetime" else "str"
    if column.get("nullable"):
        about["nullable"] = True
    return entry | ({"parameters": about} if about else {})


def _datatype(column: Mapping[str, Any]) -> str:
    if column["type"] in ("boolean", "string", "datetime"):
        return _BY_TYPE.get(column["type"], "BYTES")
    return _BY_DTYPE.get(column["dtype"].lower(), _BY_TYPE[column["type"]])


def _answer(document: dict[str, Any], status: int = 200) -> Outcome:
    error = document.get("error", "")
    return Outcome(status, orjson.dumps(document), error=error)
