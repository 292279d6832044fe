"""What schemathesis cannot know of our requests: see test_schemathesis."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import schemathesis
from hypothesis import strategies as st


def arrow_stream(distances: list[float]) -> bytes:
    """Return flights as an Arrow stream."""
    rows = len(distances)
    columns = {"distance": pa.array(distances, pa.float64()), "hour": [7] * rows, "origin": ["JFK"] * rows}
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


finite = st.floats(allow_nan=False, allow_infinity=False)
streams = st.lists(finite, min_size=1, max_size=4).map(arrow_stream)
schemathesis.openapi.media_type("application/vnd.apache.arrow.stream", streams)


@schemathesis.hook
def filter_body(_: schemathesis.HookContext, body: Any) -> bool:
    """Leave out columns that are not equally long, which JSON Schema has no word for."""
    features = body.get("features") if isinstance(body, dict) else None
    values = list(features.values()) if isinstance(features, dict) else []
    if not any(isinstance(value, list) for value in values):
        return True
    return len({len(value) if isinstance(value, list) else -1 for value in values}) == 1
