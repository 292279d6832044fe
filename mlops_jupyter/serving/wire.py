"""A call and its outcome as HTTP between two processes of one generation.

The other process runs the server code of its own package, which may be of an older or a newer release. So
what every release knows goes in plain headers, and the rest as one document whose unknown members are left
out.
"""

from __future__ import annotations

import json
from dataclasses import fields
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson

from .call import JSON, Call, Outcome
from .problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    Pairs = Iterable[tuple[bytes, bytes]]

ROLE, PREDICTION_ID, CALL = b"x-mlops-role", b"x-mlops-prediction-id", b"x-mlops-call"
OUTCOME = b"x-mlops-outcome"
_LONGEST_UNIT = 1024  # characters: it has been routed by already, the rest would only be captured
_PLAIN = ("dialect", "probe", "accept", "header_length", "moment")
_READ = frozenset(field.name for field in fields(Call)) - {"body", "begun"}


def request_head(call: Call) -> bytes:
    """Return the head of the request that passes a call on; its body follows as it came."""
    more = {name: getattr(call, name) for name in _PLAIN}
    more |= {"unit": call.unit[:_LONGEST_UNIT], "content_type": call.content_type}
    if call.begun:
        more["elapsed"] = perf_counter() - call.begun  # the clocks of two processes need not agree
    headers = (
        (b"content-length", str(len(call.body)).encode()),
        (b"content-type", call.content_type.encode("latin-1", "replace")),
        (ROLE, call.role.encode()),
        (PREDICTION_ID, call.prediction_id.encode("latin-1", "replace")),
        (CALL, json.dumps(more).encode()),  # in ASCII: a unit may be any text
    )
    lines = [
        b"POST /respond HTTP/1.1",
        b"host: variant",
        *(b"%b: %b" % (n, _one_line(v)) for n, v in headers),
    ]
    return b"\r\n".join((*lines, b"", b""))


def _one_line(value: bytes) -> bytes:
    return value.replace(b"\r", b" ").replace(b"\n", b" ")


def read_call(headers: Pairs, body: bytes) -> Call:
    """Return the call that a request passes on."""
    read = dict(headers)
    more = orjson.loads(read.get(CALL) or b"{}")
    call = Call(
        body,
        read.get(PREDICTION_ID, b"").decode("latin-1"),
        role=read.get(ROLE, b"stable").decode(),
        content_type=read.get(b"content-type", b"").decode("latin-1"),
        begun=perf_counter() - more.pop("elapsed", 0.0),
    )
    for name in _READ & more.keys():
        setattr(call, name, more[name])
    return call


def outcome_headers(outcome: Outcome) -> list[tuple[bytes, bytes]]:
    """Return the headers of the answer that brings an outcome back."""
    more = {
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in outcome.headers],
        "problems": [[problem.field, problem.reason] for problem in outcome.problems],  # what is counted
        "error": outcome.error,
    }
    return [
        (b"content-type", outcome.content_type),
        (b"content-length", str(len(outcome.body)).encode()),
        (OUTCOME, json.dumps(more).encode()),
    ]


def read_outcome(status: int, headers: Pairs, body: bytes) -> Outcome:
    """Return the outcome that an answer brings back."""
    read = dict(headers)
    more: dict[str, Any] = orjson.loads(read.get(OUTCOME) or b"{}")
    return Outcome(
        status,
        body,
        read.get(b"content-type", JSON),
        tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in more.get("headers", ())),
        [Problem(None, field, reason, "", "") for field, reason in more.get("problems", ())],
        more.get("error", ""),
    )


def knows_calls(headers: Pairs) -> bool:
    """Return whether an answer is of a server that knows of dialects."""
    return any(name == OUTCOME for name, _ in headers)
