"""Arrow over HTTP, at a real server: pyarrow writes the request and reads the answer."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import ARROW
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant


def stream(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def post(client, body, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/predict", content=body, headers={"content-type": ARROW} | headers)


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_a_frame_comes_back_with_predictions_and_probabilities(client, delays, compression):
    model, flights, _ = delays
    answer = post(client, stream(pa.Table.from_pandas(flights), compression=compression))
    assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.column("prediction").to_pylist() == model.predict(flights).tolist()
    by_label = table.select([f"probability:{label}" for label in model.classes_]).to_pandas().to_numpy()
    assert by_label == pytest.approx(model.predict_proba(flights), abs=1e-5)
    assert table.schema.metadata[b"version"] == answer.headers["x-mlops-version"].encode() == b"1.0.0"


def test_the_answer_has_the_form_that_accept_names(client, flight):
    body = stream(pa.Table.from_pylist([flight]))
    as_json = post(client, body, accept="application/json").json()
    records = client.post("/predict", json={"features": flight}, headers={"accept": ARROW})
    as_table = pa.ipc.open_stream(records.content).read_all()
    assert as_json["predictions"] == as_table.column("prediction").to_pylist()


def test_what_is_wrong_is_told_as_json_field_by_field(client, flight):
    table = pa.Table.from_pylist([flight | {"hour": None, "distance": "far"}])
    answer = post(client, stream(table))
    assert answer.status_code == 422
    assert {(p["field"], p["reason"]) for p in answer.json()["problems"]} == {
        ("hour", "null"),
        ("distance", "type"),
    }
    assert post(client, b"no stream").status_code == 400


def test_arrow_never_keeps_the_event_loop_as_few_bytes_can_be_many_rows(delays_package, flight):
    variant = LocalVariant(0, load(delays_package))
    body = stream(pa.Table.from_pylist([flight]))
    assert variant.answer_now(Call(body, "id", dialect="arrow", content_type=ARROW)) is None
    assert variant.answer_now(Call(b'{"features": {}}', "id", accept=ARROW)) is None
    assert variant.answer_now(Call(b'{"features": {}}', "id", accept="*/*")).status == 422
