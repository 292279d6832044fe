"""Our messages of V2 gRPC are, on the wire, those that Triton's client was generated with."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tritonclient.grpc import service_pb2

from mlops_jupyter.serving.dialects.v2_messages import METHODS, SERVICE, message, set_parameters

NAMES = [f"{method}{half}" for method in METHODS for half in ("Request", "Response")]


def fields(descriptor):
    """Number, kind and repetition of each field by name, those of nested messages in their place."""
    return {
        field.name: (
            field.number,
            field.type,
            field.is_repeated,
            field.containing_oneof.name if field.containing_oneof else None,
            fields(field.message_type) if field.message_type else None,
        )
        for field in descriptor.fields
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_one_of_tritons(name):
    ours, theirs = fields(message(name).DESCRIPTOR), fields(getattr(service_pb2, name).DESCRIPTOR)
    assert ours.items() <= theirs.items()


def test_every_method_is_one_of_tritons():
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert service.full_name == SERVICE
    assert set(METHODS) <= set(service.methods_by_name)


def test_a_message_reads_what_tritons_client_wrote():
    theirs = service_pb2.ModelInferRequest(model_name="churn", id="7", raw_input_contents=[b"ab"])
    theirs.parameters["priority"].int64_param = 3
    tensor = theirs.inputs.add(name="age", datatype="INT32", shape=[2, 1])
    tensor.contents.int_contents.extend([41, -7])
    ours = message("ModelInferRequest").FromString(theirs.SerializeToString())
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
    assert (ours.inputs[0].shape, list(ours.inputs[0].contents.int_contents)) == ([2, 1], [41, -7])
    assert ours.parameters["priority"].int64_param == 3


def test_tritons_client_reads_a_message_of_ours():
    ours = message("ModelInferResponse")(model_name="churn", raw_output_contents=[b"x"])
    set_parameters(ours.parameters, {"variant": "stable", "share": 0.5, "warm": True, "rows": 3})
    theirs = service_pb2.ModelInferResponse.FromString(ours.SerializeToString())
    assert theirs.parameters["variant"].string_param == "stable"
    assert theirs.parameters["share"].double_param == 0.5
    assert theirs.parameters["warm"].bool_param is True
    assert theirs.parameters["rows"].int64_param == 3


def test_v2_over_http_imports_no_protobuf():
    program = (
        "import sys\n"
        "from mlops_jupyter.serving.dialects import dialect, v2_metadata\n"
        "dialect('v2')\n"
        "assert not {'grpc', 'google.protobuf', 'pandas'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
