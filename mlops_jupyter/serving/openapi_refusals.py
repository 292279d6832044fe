"""What a path of the OpenAPI document may answer instead of what it was asked for, dialect by dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_NULLABLE_INTEGER = {"type": "integer", "nullable": True, "description": "which record, from 0"}
_PROBLEM_LIST = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
_PREDICTION_ID = {"type": "string", "description": "only from 500: the server's log has more under it"}
SCHEMAS: dict[str, Schema] = {
    "Problem": {
        "type": "object",
        "required": ["row", "field", "reason", "got", "expected"],
        "properties": {
            "row": _NULLABLE_INTEGER,
            "field": {"type": "string", "nullable": True},
            "reason": {"type": "string"},
            "got": {"type": "string", "description": "what was sent, shortened"},
            "expected": {"type": "string"},
        },
    },
    "Problems": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {"type": "string", "description": "one line"},
            "problems": _PROBLEM_LIST,
            "prediction_id": _PREDICTION_ID,
        },
    },
    "MLflowError": {
        "type": "object",
        "required": ["error_code", "message"],
        "properties": {
            "error_code": {"type": "string"},
            "message": {"type": "string", "description": "one line"},
            "problems": _PROBLEM_LIST,
            "prediction_id": _PREDICTION_ID,
        },
    },
}

_TEXT = {"type": "string"}
_SECONDS = {"description": "seconds after which to try again", "schema": {"type": "string"}}
_WHO = {"www-authenticate": {"description": "how to send a key", "schema": _TEXT}}
REQUEST_ID = {"x-request-id": {"description": "the request's own, or a new one", "schema": _TEXT}}
_HEADERS: dict[str, Schema] = {
    "401": _WHO,
    "403": _WHO,
    "405": {"allow": {"description": "what to use", "schema": _TEXT}},
    "429": {"retry-after": _SECONDS},
    "503": {"retry-after": _SECONDS},
    "504": {"retry-after": _SECONDS},
}

# status: what it means, and what is said of it
ACCESS = {
    "400": ("No Host header, or none that can be read", "no Host header"),
    "401": ("A key is needed, or this one is no good", "a key is needed; send it as Authorization: Bearer"),
    "403": ("The key is for something else", "the key is not good for this"),
    "421": ("Called by a name that is not the server's", "not the server of that Host"),
    "429": ("More than the key's rate", "too many requests for this key's rate"),
    "431": ("Too much before the body", "the head of the request is larger than 65536 bytes"),
    "503": ("Keys cannot be read now", "the keys of this deployment cannot be read, so nobody is let in"),
}
BODY = ACCESS | {
    "400": ("Not JSON", "invalid JSON: nested too deep"),
    "404": ("No such variant, model or version", "no variant '9.9.9' is loaded here; loaded: 1.0.0 (stable)"),
    "405": ("Not by this method", "PUT is not for this path; use POST"),
    "408": ("The body did not arrive in time", "the body did not arrive within 60 s"),
    "413": ("More than one request may have", "200000 records in one request; at most 100000"),
    "415": ("A content type that is not read", "content type 'text/html'; send application/json"),
    "500": ("The model failed", "the model failed with ValueError; the server's log says more"),
    "503": ("Too much to do, or going away", "too many requests wait for this version"),
    "504": ("The model took too long", "no answer within 30 s"),
}


@dataclass(frozen=True)
class Refusals:
    """How one dialect refuses.

    Parameters
    ----------
    schema : str
        Of the body, by its name in the document.
    error : str
        The key of the one line.
    more : dict
        What else an example has.
    """

    schema: str = "Problems"
    error: str = "error"
    more: tuple[tuple[str, Any], ...] = ()

    def responses(self, statuses: dict[str, tuple[str, str]], misfit: Schema | None = None) -> Schema:
        """Return the responses of an operation.

        Parameters
        ----------
        statuses : dict
            `ACCESS` or `BODY`.
        misfit : dict, optional
            Our own answer to fields that do not fit, where that can be: 422.
        """
        told = {status: self._response(status, *each) for status, each in statuses.items()}
        if misfit is not None:
            text = "Fields that do not fit the model"
            told["422"] = self._response("422", text, misfit["error"], problems=misfit["problems"])
        return dict(sorted(told.items()))

    def _response(self, status: str, text: str, error: str, **more: Any) -> Schema:
        example = {**dict(self.more), self.error: error, **more}
        return {**json_response(text, reference(self.schema), example, _HEADERS.get(status, {}))}


def json_response(text: str, schema: Schema, example: Any = None, headers: Schema | None = None) -> Schema:
    """Return a response in JSON."""
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {
        "description": text,
        "headers": {**REQUEST_ID, **(headers or {})},
        "content": {"application/json": content},
    }


def reference(name: str) -> dict[str, str]:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
