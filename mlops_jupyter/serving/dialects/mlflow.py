"""MLflow's scoring protocol: ``POST /invocations``, ``GET /ping`` and ``/version``, for its own clients.

The body has one of ``dataframe_split``, ``dataframe_records``, ``instances`` and ``inputs``, or is CSV. It
is read by the rules of ``/predict``, which are stricter than MLflow's: nothing is cast or dropped in silence.
NaN, which MLflow's clients write for a missing value, is one. The answer is ``{"predictions": …}``; version,
variant and prediction id stand in its headers.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#inference-server-specification
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import orjson

from ..call import Outcome
from ..problems import InvalidRequest, too_large
from .answer_headers import answer_headers
from .mlflow_csv import read_csv
from .mlflow_json import read_json

if TYPE_CHECKING:
    from ..call import Answered, Call
    from ..validation import Request, Validator

LIKE_VERSION = "3.17.2"
"""The release of MLflow whose scoring server this answers like."""

_JSON, _CSV = "application/json", "text/csv"
_TEXT = b"text/plain; charset=utf-8"
_TAKEN = "send application/json or text/csv, in UTF-8"
_ERROR_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    422: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class MLflow:
    """Reads and writes as MLflow's scoring server: see `call.Dialect`."""

    def read(self, validator: Validator, call: Call) -> Request:
        """Return the rows of a call."""
        media = _media(call.content_type)
        if len(call.body) > validator.limits.body_bytes:
            raise too_large(validator.limits.body_bytes)
        read = read_json if media == _JSON else read_csv
        return read(validator, call.body)

    def write(self, answered: Answered) -> Outcome:
        """Return the answer."""
        body = orjson.dumps({"predictions": answered.answer.predictions})
        return Outcome(200, body, headers=answer_headers(answered))

    def refuse(self, refusal: InvalidRequest, call: Call) -> Outcome:
        """Return what is wrong: MLflow's ``error_code`` and ``message``, and what to mend beside them."""
        document = refusal.document()
        code = _ERROR_CODES.get(refusal.status, "BAD_REQUEST" if refusal.status < 500 else "INTERNAL_ERROR")
        answer = {"error_code": code, "message": document.pop("error"), **document}
        if refusal.status >= 500:
            answer["prediction_id"] = call.prediction_id
        body = orjson.dumps(answer)
        return Outcome(refusal.status, body, problems=refusal.problems, error=refusal.error)


DIALECT = MLflow()


def mlflow_get(path: Literal["/ping", "/version"], *, ready: bool) -> Outcome:
    """Return what MLflow's scoring server answers to ``GET``.

    Parameters
    ----------
    path : str
        ``/ping`` or ``/version``.
    ready : bool
        Whether requests should be sent here.

    Examples
    --------
    >>> mlflow_get("/ping", ready=True).status
    200
    """
    if path == "/ping":
        return Outcome(200 if ready else 503, b"\n", _TEXT)
    return Outcome(200, LIKE_VERSION.encode(), _TEXT)


def _media(content_type: str) -> str:
    """Return the media type of a request.

    Raises
    ------
    InvalidRequest
        415 when it is none that is read, or not in UTF-8.
    """
    media, _, parameters = content_type.partition(";")
    media = media.strip().lower()
    for parameter in parameters.lower().replace(" ", "").replace('"', "").split(";"):
        name, _, value = parameter.partition("=")
        if name == "charset" and value not in ("utf-8", "utf8"):
            raise InvalidRequest(415, f"charset {value[:40]!r}; {_TAKEN}")
    if media in (_JSON, _CSV):
        return media
    sent = f"content type {content_type[:40]!r}" if media else "no content type"
    raise InvalidRequest(415, f"{sent}; {_TAKEN}")
