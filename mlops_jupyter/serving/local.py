"""A variant in this process."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson

from .examples import example_record
from .problems import InvalidRequest, Problem, invalid

if TYPE_CHECKING:
    from .answers import Answer
    from .loading import Package
    from .router import Mode
    from .validation import Request

log = logging.getLogger("model_server")

_QUICK = 0.001  # seconds that the event loop may be kept
_HOPELESS = 0.1  # seconds: not worth measuring again
_MOST_ROWS = 4096
_JSON = frozenset({"application/json", "text/json"})


class LocalVariant:
    """A package whose model answers in this process.

    What takes less than a millisecond is done at once, since a thread would cost more; the rest goes to a
    worker thread, so that the loop is never kept. Which is which was measured when the variant was made, by
    the size of the body.

    Parameters
    ----------
    slot : int
        Its number within the generation.
    package : Package
        What `loading.load` returned.
    """

    mode: Mode = "local"

    def __init__(self, slot: int, package: Package) -> None:
        self.slot = slot
        self.version = package.manifest.version
        self.digest = package.manifest.digest
        self.contract = package.contract
        self._package = package
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix=f"variant-{slot}")
        self._quick_bytes = self._measure()

    async def respond(
        self, body: bytes, content_type: str, role: str, prediction_id: str
    ) -> tuple[int, bytes]:
        """Answer one request: see `router.Variant`."""
        if len(body) <= self._quick_bytes:
            return self.answer(body, content_type, role, prediction_id)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self.answer, body, content_type, role, prediction_id)

    def answer(self, body: bytes, content_type: str, role: str, prediction_id: str) -> tuple[int, bytes]:
        """Return status and body of the answer to one request, in this thread."""
        try:
            _require_json(content_type)
            request = self._package.validator.parse(body)
        except InvalidRequest as refusal:
            return refusal.status, orjson.dumps(refusal.document())
        try:
            answer = self._package.predict(request.batch)
            return 200, self._encode(request, answer, role, prediction_id)
        except Exception as error:
            refused = _refused_categories(request) if isinstance(error, ValueError) else []
            if refused:
                return 422, orjson.dumps(invalid(refused).document())
            log.exception("prediction %s failed in version %s", prediction_id, self.version)
            what = f"the model failed with {type(error).__name__}; the server's log says more"
            return 500, orjson.dumps({"error": what, "prediction_id": prediction_id})

    def _encode(self, request: Request, answer: Answer, role: str, prediction_id: str) -> bytes:
        document: dict[str, Any] = {
            "predictions": answer.predictions,
            "probabilities": answer.probabilities,
            "confidence": answer.confidence,
            "version": self.version,
            "variant": role,
            "prediction_id": prediction_id,
        }
        warnings = request.warnings + answer.warnings
        if warnings:
            document["warnings"] = [asdict(warning) for warning in warnings]
        return orjson.dumps(document)

    def _measure(self) -> int:
        """Return the size of the largest body answered within a millisecond; this warms the model, too."""
        record, quick, rows = example_record(self.contract.schema), 0, 1
        while rows <= _MOST_ROWS:
            body = orjson.dumps({"features": [record] * rows})
            if self._seconds(body) > _QUICK:
                break
            quick, rows = len(body), rows * 4
        return quick

    def _seconds(self, body: bytes) -> float:
        """Return the least time of three: what the machine did meanwhile is not the model's."""
        least = float("inf")
        for _ in range(3):
            begun = perf_counter()
            status, _answer = self.answer(body, "application/json", "stable", "warm-up")
            if status != 200:
                return float("inf")
            least = min(least, perf_counter() - begun)
            if least > _HOPELESS:
                break
        return least


def _refused_categories(request: Request) -> list[Problem]:
    """Return the values that an encoder without a place for them may have failed on."""
    return [
        Problem(warning.row, warning.field, "category", warning.got, warning.expected)
        for warning in request.warnings
        if warning.reason == "category"
    ]


def _require_json(content_type: str) -> None:
    if content_type in _JSON:
        return
    media, _, parameters = content_type.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower().removeprefix("charset=")
    if media.strip().lower() not in _JSON or charset not in ("", "utf-8", "utf8"):
        sent = f"content type {content_type[:40]!r}" if content_type else "no content type"
        raise InvalidRequest(415, f"{sent}; send application/json")
