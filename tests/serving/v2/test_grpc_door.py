"""V2 over gRPC: Triton's own client, unmodified, and a door with a real model behind it."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from mlops_jupyter.serving.access.doorkeeper import Doorkeeper
from mlops_jupyter.serving.access.keys import KEYS, Key, KeyFile, digest_of, write_keys
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.relay import shared_socket
from mlops_jupyter.serving.router import SingleRouter

MODEL = "delays"
BODY_BYTES = 1_000_000


@pytest.fixture(scope="module")
def client(door):
    with triton.InferenceServerClient(f"127.0.0.1:{door.port}") as client:
        yield client


@pytest.fixture
def stub(door):
    """What a client has that was generated from the protocol."""
    with grpc.insecure_channel(f"127.0.0.1:{door.port}") as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine, and its key, as PEM files."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    signed = made.add_extension(names, critical=True).sign(key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return folder / "certificate.pem", folder / "key.pem"


def inputs(module, flights):
    """A tensor for each column of a frame of flights."""
    kinds = {"distance": ("FP64", "<f8"), "hour": ("INT64", "<i8"), "origin": ("BYTES", object)}
    return [
        module.InferInput(name, [len(flights), 1], datatype).set_data_from_numpy(
            flights[name].to_numpy(dtype).reshape(-1, 1)
        )
        for name, (datatype, dtype) in kinds.items()
    ]


def typed(flights, **changes):
    """A request with its values in typed contents, as MLServer's client sends it."""
    request = service_pb2.ModelInferRequest(model_name=MODEL, id="7")
    contents = {
        "distance": ("FP32", {"fp32_contents": flights["distance"].tolist()}),
        "hour": ("INT16", {"int_contents": flights["hour"].tolist()}),
        "origin": ("BYTES", {"bytes_contents": [text.encode() for text in flights["origin"]]}),
    } | changes
    for name, (datatype, values) in contents.items():
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[len(flights), 1])
        tensor.contents.CopyFrom(service_pb2.InferTensorContents(**values))
    return request


def refused(call):
    with pytest.raises(grpc.RpcError) as refusal:
        call()
    return refusal.value


def test_the_server_and_the_model_are_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1.0.0")


def test_a_server_that_drains_is_live_but_not_ready(doors, gate_of):
    door = doors.open(gate_of(draining=True))
    with triton.InferenceServerClient(f"127.0.0.1:{door.port}") as client:
        assert client.is_server_live()
        assert not client.is_server_ready()
        assert not client.is_model_ready(MODEL)


def test_metadata_tells_the_server_and_the_tensors_of_the_model(client):
    assert list(client.get_server_metadata().extensions) == ["binary_tensor_data"]
    told = client.get_model_metadata(MODEL, "1.0.0")
    assert (told.name, list(told.versions)) == (MODEL, ["1.0.0"])
    assert [(t.name, t.datatype, list(t.shape)) for t in told.inputs] == [
        ("distance", "FP64", [-1, 1]),
        ("hour", "INT64", [-1, 1]),
        ("origin", "BYTES", [-1, 1]),
    ]
    assert [t.name for t in told.outputs] == ["predict", "predict_proba"]


def test_its_predictions_are_those_of_the_model(client, delays):
    model, flights, _ = delays
    result = client.infer(MODEL, inputs(triton, flights), request_id="42", model_version="1.0.0")
    assert [label.decode() for label in result.as_numpy("predict")] == model.predict(flights).tolist()
    assert np.allclose(result.as_numpy("predict_proba"), model.predict_proba(flights), atol=1e-5)
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("42", MODEL, "1.0.0")
    assert response.parameters["variant"].string_param == "stable"


def test_only_the_outputs_that_are_asked_for_are_sent(client, delays):
    outputs = [triton.InferRequestedOutput("predict_proba")]
    result = client.infer(MODEL, inputs(triton, delays[1][:2]), outputs=outputs)
    assert result.as_numpy("predict") is None
    assert result.as_numpy("predict_proba").shape == (2, 2)


def test_its_asynchronous_client_is_answered_as_well(door, delays):
    async def ask():
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{door.port}") as client:
            asked = [client.infer(MODEL, inputs(triton_aio, delays[1][i : i + 2])) for i in range(40)]
            return await asyncio.gather(*asked)

    labels = [label.decode() for result in asyncio.run(ask()) for label in result.as_numpy("predict")]
    expected = delays[0].predict(delays[1][:41]).tolist()
    assert labels == [label for i in range(40) for label in expected[i : i + 2]]


def test_typed_contents_are_answered_with_typed_contents(stub, delays):
    response = stub.ModelInfer(typed(delays[1][:3]))
    assert not response.raw_output_contents
    labels, shares = response.outputs
    assert [label.decode() for label in labels.contents.bytes_contents] == delays[0].predict(
        delays[1][:3]
    ).tolist()
    expected = delays[0].predict_proba(delays[1][:3]).ravel()
    assert np.allclose(shares.contents.fp64_contents, expected, atol=1e-5)
    assert list(shares.shape) == [3, 2]


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (("INT16", {"fp64_contents": [1.0, 2.0]}), "INT16 has its values in int_contents"),
        (("INT8", {"int_contents": [300, 1]}), "more than INT8 holds"),
        (("INT64", {"int64_contents": [1]}), "shape [2, 1] of INT64 takes 16 bytes, 8 given"),
        (("INT64", {}), "shape [2, 1] of INT64 takes 16 bytes, 0 given"),
        (("FP16", {"bytes_contents": [b"ab"]}), "FP16 needs raw_input_contents"),
        (("BF16", {}), "no such datatype"),
        (("FP64", {"fp64_contents": [1.5, 2.0]}), "expected an integer, got 1.5"),
    ],
)
def test_contents_that_are_not_of_the_datatype_are_refused(stub, delays, contents, said):
    refusal = refused(lambda: stub.ModelInfer(typed(delays[1][:2], hour=contents)))
    assert refusal.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert said in refusal.details()


def test_raw_contents_must_be_one_for_each_input_and_nothing_beside(stub, delays):
    request = typed(delays[1][:2])
    request.raw_input_contents.extend([b"", b"", b""])
    assert "contents beside raw_input_contents" in refused(lambda: stub.ModelInfer(request)).details()
    request.raw_input_contents.append(b"")
    assert "4 raw_input_contents for 3 inputs" in refused(lambda: stub.ModelInfer(request)).details()


@pytest.mark.parametrize(
    ("model", "version", "said"),
    [("delay", "", "did you mean delays"), (MODEL, "9.9.9", "version 9.9.9 is not resident here")],
)
def test_another_model_or_version_is_not_found(client, delays, model, version, said):
    for call in (
        lambda: client.infer(model, inputs(triton, delays[1][:1]), model_version=version),
        lambda: client.get_model_metadata(model, version),
        lambda: client.is_model_ready(model, version),
    ):
        with pytest.raises(InferenceServerException, match=said) as refusal:
            call()
        assert refusal.value.status() == "StatusCode.NOT_FOUND"


def test_too_large_a_request_is_refused(stub):
    request = service_pb2.ModelInferRequest(model_name=MODEL, raw_input_contents=[bytes(2 * BODY_BYTES)])
    assert refused(lambda: stub.ModelInfer(request)).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    just = service_pb2.ModelInferRequest(model_name=MODEL, raw_input_contents=[bytes(BODY_BYTES)])
    just.inputs.add(name="distance", datatype="UINT8", shape=[BODY_BYTES])
    refusal = refused(lambda: stub.ModelInfer(just))
    assert refusal.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "the body is larger than" in refusal.details()


def test_the_request_id_comes_back_in_the_trailing_metadata(stub, delays):
    _, call = stub.ModelInfer.with_call(typed(delays[1][:1]), metadata=[("x-request-id", "mine-1")])
    assert dict(call.trailing_metadata())["x-request-id"] == "mine-1"


def test_a_failure_of_the_server_tells_only_its_kind(doors, variant, delays):
    class Broken:
        router = SingleRouter(variant)

        async def answer(self, *_):
            raise ZeroDivisionError("a detail of /the/server")

    door = doors.open(Broken())
    with grpc.insecure_channel(f"127.0.0.1:{door.port}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        refusal = refused(lambda: stub.ModelInfer(typed(delays[1][:1])))
    assert refusal.code() == grpc.StatusCode.INTERNAL
    assert refusal.details() == "the server failed with ZeroDivisionError; its log says more"


def test_a_key_is_read_from_the_metadata(doors, gate_of, delays, tmp_path):
    one = Key("one", digest_of(b"secret"), rate=0.01, burst=1)
    write_keys(tmp_path / KEYS, KeyFile(digest_of(b"owner"), (one,)))
    keeper = Doorkeeper(tmp_path, Options(), "127.0.0.1", 1, 1)
    door = doors.open(gate_of(keeper))
    with triton.InferenceServerClient(f"127.0.0.1:{door.port}") as client:
        asked = inputs(triton, delays[1][:1])
        statuses = [infer_status(client, asked, headers) for headers in (None, BAD, GOOD, GOOD)]
        assert client.is_server_live()
    keeper.close()
    assert statuses == ["UNAUTHENTICATED", "UNAUTHENTICATED", "OK", "RESOURCE_EXHAUSTED"]


BAD, GOOD = {"authorization": "Bearer none"}, {"authorization": "Bearer secret"}


def infer_status(client, asked, headers):
    try:
        client.infer(MODEL, asked, headers=headers)
    except InferenceServerException as refusal:
        return refusal.status().removeprefix("StatusCode.")
    return "OK"


def test_it_speaks_tls_with_one_file_that_holds_certificate_and_key(doors, gate_of, certificate, tmp_path):
    pem, key = certificate
    both = tmp_path / "both.pem"
    both.write_bytes(pem.read_bytes() + key.read_bytes())
    door = doors.open(gate_of(), certificate=both)
    address = f"localhost:{door.port}"
    with triton.InferenceServerClient(address, ssl=True, root_certificates=str(pem)) as client:
        assert client.is_server_live()


def test_it_speaks_tls_with_a_given_certificate(doors, gate_of, delays, certificate):
    pem, key = certificate
    door = doors.open(gate_of(), certificate=pem, key=key)
    address = f"localhost:{door.port}"
    with triton.InferenceServerClient(address, ssl=True, root_certificates=str(pem)) as client:
        assert client.infer(MODEL, inputs(triton, delays[1][:1])).as_numpy("predict").shape == (1,)


def test_a_port_that_cannot_be_had_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            shared_socket("127.0.0.1", port)


class Slow:
    """A gate that takes its time."""

    def __init__(self, gate, seconds):
        self._gate, self._seconds, self.router = gate, seconds, gate.router

    async def answer(self, *asked):
        await asyncio.sleep(self._seconds)
        return await self._gate.answer(*asked)


def test_what_is_in_hand_is_finished_when_a_door_closes(doors, gate_of, delays):
    door = doors.open(Slow(gate_of(), 0.4))
    with triton.InferenceServerClient(f"127.0.0.1:{door.port}") as client, ThreadPoolExecutor() as threads:
        assert client.is_server_live()
        answer = threads.submit(client.infer, MODEL, inputs(triton, delays[1][:1]))
        time.sleep(0.2)
        doors.run(door.stop(5))
        assert answer.result(5).as_numpy("predict").shape == (1,)
        with pytest.raises(InferenceServerException):
            client.is_server_live()


def test_generations_follow_one_another_on_one_port_without_a_failed_request(doors, gate_of, delays):
    gate = gate_of()
    serving = doors.open(gate, longest=0.4)
    asked, over, port = inputs(triton, delays[1][:1]), threading.Event(), serving.port

    def ask():
        answered = 0
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
            while not over.is_set():
                answered += len(client.infer(MODEL, asked).as_numpy("predict"))
        return answered

    with ThreadPoolExecutor(4) as threads:
        callers = [threads.submit(ask) for _ in range(4)]
        for _ in range(6):
            following = doors.open(gate, port, longest=0.4)
            doors.run(serving.drain(10))
            serving = following
        over.set()
        assert all(caller.result(20) > 8 for caller in callers)


def test_a_client_that_stays_idle_does_not_hold_a_door_that_drains(doors, gate_of):
    door = doors.open(gate_of(), longest=0.4)
    with triton.InferenceServerClient(f"127.0.0.1:{door.port}") as client:
        assert client.is_server_live()
        begun = time.monotonic()
        doors.run(door.drain(20))
        assert time.monotonic() - begun < 5
