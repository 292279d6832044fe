"""The messages of V2 gRPC, made from a table: nothing is generated, so no version of a generator is in it.

They are of a pool of their own. Triton's client, MLServer and others each register messages of the same names
with protobuf's default pool, which bears only one of them; a model whose code uses one must still load.

protobuf is imported here, and this module only where gRPC is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from google.protobuf.message import Message

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")

_TENSOR = "name:string datatype:string shape:int64[]"
_PARAMETERS = "parameters:InferParameter{}"
_MODEL = "name:string version:string"
_TABLE = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live:bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready:bool",
    "ModelReadyRequest": _MODEL,
    "ModelReadyResponse": "ready:bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name:string version:string extensions:string[]",
    "ModelMetadataRequest": _MODEL,
    "ModelMetadataResponse.TensorMetadata": _TENSOR,
    "ModelMetadataResponse": "name:string versions:string[] platform:string"
    " inputs:ModelMetadataResponse.TensorMetadata[] outputs:ModelMetadataResponse.TensorMetadata[]",
    "InferParameter": "bool_param:bool| int64_param:int64| string_param:string| double_param:double|"
    " uint64_param:uint64|",
    "InferTensorContents": "bool_contents:bool[] int_contents:int32[] int64_contents:int64[]"
    " uint_contents:uint32[] uint64_contents:uint64[] fp32_contents:float[] fp64_contents:double[]"
    " bytes_contents:bytes[]",
    "ModelInferRequest.InferInputTensor": f"{_TENSOR} {_PARAMETERS} contents:InferTensorContents",
    "ModelInferRequest.InferRequestedOutputTensor": f"name:string {_PARAMETERS}",
    "ModelInferRequest": f"model_name:string model_version:string id:string {_PARAMETERS}"
    " inputs:ModelInferRequest.InferInputTensor[] outputs:ModelInferRequest.InferRequestedOutputTensor[]"
    " raw_input_contents:bytes[]",
    "ModelInferResponse.InferOutputTensor": f"{_TENSOR} {_PARAMETERS} contents:InferTensorContents",
    "ModelInferResponse": f"model_name:string model_version:string id:string {_PARAMETERS}"
    " outputs:ModelInferResponse.InferOutputTensor[] raw_output_contents:bytes[]",
}
"""Each message and its fields, numbered from 1: ``[]`` repeated, ``{}`` a map by name, ``|`` one of many."""

_LABELS = {True: FieldDescriptorProto.LABEL_REPEATED, False: FieldDescriptorProto.LABEL_OPTIONAL}


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="mlops_open_inference.proto", package=PACKAGE, syntax="proto3")
    made: dict[str, DescriptorProto] = {}
    for name in sorted(_TABLE, key=lambda name: name.count(".")):
        outer, _, inner = name.rpartition(".")
        message = made[outer].nested_type.add() if outer else file.message_type.add()
        message.name, made[name] = inner, message
    for name, fields in _TABLE.items():
        for number, field in enumerate(fields.split(), start=1):
            _add_field(made[name], f".{PACKAGE}.{name}", number, field)
    return file


def _add_field(message: DescriptorProto, full_name: str, number: int, text: str) -> None:
    name, _, kind = text.partition(":")
    field = message.field.add(name=name, number=number)
    field.label = _LABELS[kind.endswith(("[]", "{}"))]
    if kind.endswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    if kind.endswith("{}"):
        _add_entry(message, kind[:-2])
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f"{full_name}.ParametersEntry"
    else:
        _set_type(field, kind.rstrip("[]|"))


def _add_entry(message: DescriptorProto, kind: str) -> None:
    """Add the message that an entry of a map is on the wire."""
    entry = message.nested_type.add(name="ParametersEntry")
    entry.options.map_entry = True
    for number, (name, of) in enumerate((("key", "string"), ("value", kind)), start=1):
        _set_type(entry.field.add(name=name, number=number, label=_LABELS[False]), of)


def _set_type(field: FieldDescriptorProto, kind: str) -> None:
    if kind[0].isupper():
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")


_POOL = DescriptorPool()
_POOL.AddSerializedFile(_file().SerializeToString())


def message(name: str) -> type[Message]:
    """Return the class of a message, such as ``ModelInferRequest``."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def request_of(method: str) -> type[Message]:
    """Return what a method takes."""
    return message(f"{method}Request")


def parameter_value(parameter: Any) -> Any:
    """Return what stands in an ``InferParameter``, None when nothing does."""
    chosen = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, chosen) if chosen else None


def set_parameters(target: Any, values: dict[str, Any]) -> None:
    """Put values in a map of ``InferParameter``."""
    for name, value in values.items():
        setattr(target[name], _CHOICES[type(value)], value)


_CHOICES = {bool: "bool_param", int: "int64_param", str: "string_param", float: "double_param"}
