"""One ordinary row, answered in the fewest steps: what a served model does nearly all day.

Everything else has nouns for its stages: a request, a batch, a prediction, an answer. Making them takes as
long as validating and predicting a row of thirty numbers. Here is one function, made for a model whose rows
are doubles and whose answer is one label; what is not ordinary in a request it leaves to the others, nothing
having happened.
"""

from __future__ import annotations

import struct
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson

from .call import Outcome
from .runtimes.graph import GraphRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loading import Package
    from .recording.ring import RecordRow
    from .validation import Validator

    #: body, prediction id, role, unit, when it came
    AnswerRow: TypeAlias = Callable[[bytes, str, str, str, float], Outcome | None]

_LIST, _WITHIN = b"[", 24  # a list of rows begins where one row has its first column
_OK = 200
_UNSEEN = "shadow"  # the role of whose answers nobody reads


def compile_row(package: Package, validator: Validator, record: RecordRow | None) -> AnswerRow | None:
    """Return what answers one ordinary row, or None where the model is of another kind.

    Parameters
    ----------
    package : Package
        The model.
    validator : Validator
        What reads its requests.
    record : callable, optional
        What captures a row.
    """
    if not isinstance(package.runtime, GraphRuntime) or len(package.schema["output"]["outputs"]) > 1:
        return None
    ask, read = package.runtime.ask_matrix, validator.read_row
    if ask is None or read is None:
        return None
    tell = package.answers.tell_one
    return _answer_row(package.manifest.version, len(validator.columns), ask, read, tell, record)


def _answer_row(
    version: str,
    width: int,
    ask: Callable[[Any], list[Any]],
    read: Callable[[bytes], tuple[Any, ...] | None],
    tell: Callable[[Any, Any], tuple[Any, Any, Any] | None],
    record: RecordRow | None,
) -> AnswerRow:
    pack, shape = struct.Struct(f"{width}d").pack, (1, width)
    dumps, as_array = orjson.dumps, np.frombuffer

    def answer_row(body: bytes, prediction_id: str, role: str, unit: str, begun: float) -> Outcome | None:
        row = None if body.find(_LIST, 0, _WITHIN) >= 0 else read(body)
        if row is None:
            return None
        values = pack(*row)
        try:
            labels, *tables = ask(as_array(values).reshape(shape))
        except Exception:  # noqa: BLE001 - the other way asks again, and tells
            return None
        table = tables[0] if tables else None
        told = tell(labels.item(), table)
        if told is None:
            return None
        label, probabilities, confidence = told
        document = b"" if role == _UNSEEN else dumps({
            "predictions": [label], "probabilities": probabilities, "confidence": confidence,
            "version": version, "variant": role, "prediction_id": prediction_id,
        })  # fmt: skip
        if record is not None:
            scores = b"" if table is None else table.tobytes()
            if not record(prediction_id, unit, role, perf_counter() - begun, label, values, scores):
                return None  # of another form than rows are captured in: the other way has more
        return Outcome(_OK, document)

    return answer_row
