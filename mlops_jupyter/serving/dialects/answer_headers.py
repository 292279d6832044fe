"""What tells of an answer in its headers, where its body has no place for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..call import Answered, Headers


def answer_headers(answered: Answered) -> Headers:
    """Return who answered, and the id by which feedback can speak of it."""
    call = answered.call
    return (
        (b"x-mlops-version", answered.version.encode()),
        (b"x-mlops-variant", call.role.encode()),
        (b"x-mlops-prediction-id", call.prediction_id.encode()),
    )
