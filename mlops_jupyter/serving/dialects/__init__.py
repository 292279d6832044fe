"""The ways to write requests and answers: our JSON, Arrow, MLflow's, V2; each imported when first used."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..call import Call, Dialect

ARROW = "application/vnd.apache.arrow.stream"
_MODULES = {"json": "records", "arrow": "arrow", "mlflow": "mlflow", "v2": "v2"}


@functools.cache
def dialect(name: str) -> Dialect:
    """Return a dialect by its name: ``json``, ``arrow``, ``mlflow`` or ``v2``."""
    module = importlib.import_module(f".{_MODULES[name]}", __name__)
    spoken: Dialect = module.DIALECT
    return spoken


def writer_of(call: Call) -> Dialect:
    """Return the dialect of the answer: that of the request, unless its ``Accept`` names the other of two."""
    if call.accept and call.dialect in ("json", "arrow"):
        media = call.accept.partition(";")[0].strip().lower()
        if media == ARROW:
            return dialect("arrow")
        if media == "application/json":
            return dialect("json")
    return dialect(call.dialect)
