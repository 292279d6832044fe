"""What a client of MLServer does, with its own types and codecs; run where MLServer is installed.

Arguments: the address over HTTP, that over gRPC, the model's name, and a CSV of rows. Prints JSON.
"""

from __future__ import annotations

import json
import sys
import urllib.request

import grpc
import pandas as pd
from mlserver.codecs import NumpyCodec, PandasCodec, StringCodec
from mlserver.grpc.converters import (
    ModelInferRequestConverter,
    ModelInferResponseConverter,
    ModelMetadataResponseConverter,
)
from mlserver.grpc.dataplane_pb2 import ModelMetadataRequest
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, RequestOutput


def call(url: str, request: InferenceRequest | None = None) -> bytes:
    """GET, or POST a request as MLServer's documentation does."""
    body = request and request.model_dump_json().encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as response:
        return response.read()


def labels_and_shares(response: InferenceResponse) -> dict:
    """The two outputs, by the codecs."""
    labels, shares = response.outputs
    return {
        "labels": StringCodec.decode_output(labels),
        "shares": NumpyCodec.decode_output(shares).tolist(),
        "version": response.model_version,
        "id": response.id,
    }


def as_request(frame: pd.DataFrame, *, use_bytes: bool) -> InferenceRequest:
    """A frame by MLServer's codec for frames."""
    request = PandasCodec.encode_request(frame, use_bytes=use_bytes)
    request.id = "42"
    return request


def main(http: str, address: str, model: str, rows: str) -> dict:
    """Ask in every way, and return what was answered."""
    frame = pd.read_csv(rows)
    holey = frame.copy()
    holey.loc[0, "distance"] = None  # of strings its codecs cannot send a missing one
    url = f"{http}/v2/models/{model}"
    answers = {}
    metadata = MetadataModelResponse.model_validate_json(call(url))
    answers["metadata"] = [tensor.name for tensor in metadata.inputs]
    response = call(f"{url}/infer", as_request(frame, use_bytes=False))
    answers["http"] = labels_and_shares(InferenceResponse.model_validate_json(response))
    response = call(f"{url}/infer", as_request(holey, use_bytes=False))
    answers["missing"] = labels_and_shares(InferenceResponse.model_validate_json(response))
    only = as_request(frame, use_bytes=False)
    only.outputs = [RequestOutput(name="predict")]
    response = InferenceResponse.model_validate_json(call(f"{url}/infer", only))
    answers["frame"] = PandasCodec.decode_response(response)["predict"].tolist()
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        told = ModelMetadataResponseConverter.to_types(stub.ModelMetadata(ModelMetadataRequest(name=model)))
        answers["grpc metadata"] = [tensor.name for tensor in told.inputs]
        for raw in (False, True):
            request = as_request(frame, use_bytes=True)
            asked = ModelInferRequestConverter.from_types(request, model, use_raw=raw)
            response = ModelInferResponseConverter.to_types(stub.ModelInfer(asked))
            answers["grpc raw" if raw else "grpc typed"] = labels_and_shares(response)
    return answers


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
