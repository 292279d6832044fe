"""What is measured, by name."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Family:
    """One metric of several label sets.

    Parameters
    ----------
    name : str
        Without the prefix that all have.
    kind : str
        ``counter``, ``gauge`` or ``histogram``.
    help : str
        One line for its reader.
    labels : tuple of str
        What tells its label sets apart.
    edges : tuple of float
        Upper bounds of a histogram's buckets, the last one beyond them left out.
    unit : int
        By what a histogram's sum is divided for display.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ("model",)
    edges: tuple[float, ...] = ()
    unit: int = 1

    @property
    def size(self) -> int:
        """How many cells a label set takes: buckets and their sum, or one value."""
        return len(self.edges) + 2 if self.kind == "histogram" else 1

    @property
    def tag(self) -> str:
        """The name in a slab: another one when its cells mean something else, as in another release."""
        meaning = repr((self.kind, self.labels, self.edges, self.unit))
        return f"{self.name}-{zlib.crc32(meaning.encode()):08x}"


_VARIANT = ("model", "version", "variant")

# Each answer is counted once, in the bucket of its duration under its code: requests by code and durations
# over all codes both follow, and can never disagree.
ANSWERED = Family(
    "answered",
    "histogram",
    "Answers by code and duration.",
    (*_VARIANT, "code"),
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    NANOSECONDS,
)
REQUESTS = Family("requests", "counter", "Requests answered, by HTTP status.", ANSWERED.labels)
DURATION = Family(
    "request_duration_seconds",
    "histogram",
    "Time from the whole request to its whole answer, in seconds.",
    _VARIANT,
    ANSWERED.edges,
    NANOSECONDS,
)
IN_FLIGHT = Family("in_flight", "gauge", "Requests being answered now.", _VARIANT)
QUEUE_DEPTH = Family("queue_depth", "gauge", "Requests that wait for a thread of their variant.", _VARIANT)
BATCH_SIZE = Family(
    "batch_size",
    "histogram",
    "Rows predicted together.",
    _VARIANT,
    tuple(float(2**power) for power in range(11)),
)
VALIDATION_ERRORS = Family(
    "validation_errors",
    "counter",
    "Values that did not fit the schema, by column and reason.",
    (*_VARIANT, "field", "reason"),
)
CAPTURE_DROPPED = Family(
    "capture_dropped", "counter", "Answered requests that were not captured for want of room.", _VARIANT
)
CACHE_HITS = Family("answer_cache_hits", "counter", "Requests answered from the cache of answers.")
CACHE_MISSES = Family("answer_cache_misses", "counter", "Requests that the cache of answers did not have.")
PROCESSES = Family("processes", "gauge", "Server processes that live.", ())

_AS_STORED = (
    IN_FLIGHT,
    QUEUE_DEPTH,
    BATCH_SIZE,
    VALIDATION_ERRORS,
    CAPTURE_DROPPED,
    CACHE_HITS,
    CACHE_MISSES,
)
STORED = (ANSWERED, *_AS_STORED)
SHOWN = (REQUESTS, DURATION, *_AS_STORED, PROCESSES)
