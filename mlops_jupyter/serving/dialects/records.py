"""Our own JSON: ``{"features": …}`` in, predictions with their probabilities out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..call import Outcome
from ..problems import InvalidRequest

if TYPE_CHECKING:
    from ..call import Answered, Call
    from ..validation import Request, Validator

TYPES = frozenset({"application/json", "text/json"})


class Records:
    """Records by name."""

    def read(self, validator: Validator, call: Call) -> Request:
        """Return the rows of a call."""
        if call.content_type not in TYPES:
            _require_json(call.content_type)
        return validator.parse(call.body)

    def write(self, answered: Answered) -> Outcome:
        """Return the answer."""
        call, answer = answered.call, answered.answer
        document: dict[str, Any] = {
            "predictions": answer.predictions,
            "probabilities": answer.probabilities,
            "confidence": answer.confidence,
            "version": answered.version,
            "variant": call.role,
            "prediction_id": call.prediction_id,
        }
        warnings = answered.request.warnings + answer.warnings
        if warnings:
            document["warnings"] = warnings
        return Outcome(200, orjson.dumps(document))

    def refuse(self, refusal: InvalidRequest, call: Call) -> Outcome:
        """Return what is wrong, field by field."""
        document = refusal.document()
        if refusal.status >= 500:
            document["prediction_id"] = call.prediction_id
        return Outcome(refusal.status, orjson.dumps(document), problems=refusal.problems, error=refusal.error)


def _require_json(content_type: str) -> None:
    media, _, parameters = content_type.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower().removeprefix("charset=")
    if media.strip().lower() not in TYPES or charset not in ("", "utf-8", "utf8"):
        sent = f"content type {content_type[:40]!r}" if content_type else "no content type"
        raise InvalidRequest(415, f"{sent}; send application/json")


DIALECT = Records()
