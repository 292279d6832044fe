"""Convert a scikit-learn model to ONNX, in double precision, and accept it only if it answers the same."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter.serving.parts import parts
from mlops_jupyter.serving.runtimes import GraphRuntime
from mlops_jupyter.serving.runtimes.graph import MATRIX

from .folding import fold_scalers
from .parity import compare

if TYPE_CHECKING:
    from collections.abc import Callable

NUMERIC = ("double", "float", "long", "integer", "boolean")
WIDE = 1000  # columns
OPSET = {"": 20, "ai.onnx.ml": 3}  # the newest that skl2onnx writes


@dataclass(frozen=True)
class Attempt:
    """The graph if it may serve, and why it may or may not."""

    graph: bytes | None
    why: str
    parity: dict[str, Any] | None = None


def attempt(model: Any, sample: Any, schema: dict[str, Any]) -> Attempt:
    """Convert the model and compare it with the original; never raises for what ONNX cannot do."""
    from . import encoders, formulas, members, trees  # noqa: F401  (they register themselves with skl2onnx)

    unfit = [c["name"] for c in schema["input"]["columns"] if c["type"] not in (*NUMERIC, "string")]
    if unfit:
        return Attempt(None, f"ONNX has no dates ({unfit[0]})")
    if schema["input"]["kind"] == "sparse" and len(schema["input"]["columns"]) > WIDE:
        return Attempt(None, "ONNX would need a wide sparse table in full")
    try:
        content = convert(members.answering(model), schema)
        runtime = GraphRuntime(content, schema)
        parity = compare(model, runtime, sample, schema)
    except Exception as problem:  # noqa: BLE001  (a converter can fail in any way: then the native model serves)
        return Attempt(None, reason(model, problem, several=len(schema["output"]["outputs"]) > 1))
    if not parity.holds:
        return Attempt(None, parity.why, parity.to_dict())
    return Attempt(content, parity.why, parity.to_dict())


def convert(model: Any, schema: dict[str, Any]) -> bytes:
    """Return the ONNX graph of a fitted model; the same model gives the same bytes."""
    from skl2onnx._parse import parse_sklearn_model
    from skl2onnx.common._topology import convert_topology

    options = {id(model): {"zipmap": False}} if _is_classifier(model) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        topology = parse_sklearn_model(model, _inputs(model, schema), OPSET, options=options)
        _refuse_mixed_columns(topology)
        _widen(topology)
        document = convert_topology(topology, "model", "", OPSET, options=options)
    _refuse_locales(document)
    fold_scalers(document)
    _allow_tree_ensemble(document)
    _sort_operator_sets(document)
    return bytes(document.SerializeToString(deterministic=True))


def _refuse_mixed_columns(topology: Any) -> None:
    """Refuse to join columns of texts and of numbers: skl2onnx would make texts of the numbers."""
    from skl2onnx.common.data_types import StringTensorType

    for operator in topology.unordered_operator_iterator():
        kinds = {isinstance(variable.type, StringTensorType) for variable in operator.inputs}
        if operator.type == "SklearnConcat" and len(kinds) > 1:
            raise NotImplementedError("ONNX cannot join a column of texts and one of numbers")


def _widen(topology: Any) -> None:
    """Declare as double what skl2onnx takes for float32 when the first of several inputs is text."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    for variable in topology.unordered_variable_iterator():
        if isinstance(variable.type, FloatTensorType):
            variable.set_type(DoubleTensorType(variable.type.shape))


def _refuse_locales(document: Any) -> None:
    """Refuse a graph that lowers texts by a locale: a slim image has none, and would not even load it."""
    if any(node.op_type == "StringNormalizer" for node in document.graph.node):
        raise NotImplementedError("ONNX lowers texts by a locale that the server may not have")


def _allow_tree_ensemble(document: Any) -> None:
    """Declare the operator set that has `TreeEnsemble`, which skl2onnx does not know yet."""
    if any(node.op_type == "TreeEnsemble" for node in document.graph.node):
        for opset in document.opset_import:
            if opset.domain == "ai.onnx.ml":
                opset.version = 5
        document.ir_version = max(document.ir_version, 10)


def _sort_operator_sets(document: Any) -> None:
    """Order them: skl2onnx keeps them in a set, whose order is another one in each process."""
    ordered = sorted((opset.domain, opset.version) for opset in document.opset_import)
    for opset, (domain, version) in zip(document.opset_import, ordered, strict=True):
        opset.domain, opset.version = domain, version


def _is_classifier(model: Any) -> bool:
    from sklearn.base import is_classifier

    return bool(is_classifier(model))


def _inputs(model: Any, schema: dict[str, Any]) -> list[tuple[str, Any]]:
    """Declare one matrix, or one input per column where columns are told apart."""
    from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

    columns = schema["input"]["columns"]
    if schema["input"]["kind"] in ("matrix", "sparse") or _only_numbers(model, columns):
        return [(MATRIX, DoubleTensorType([None, len(columns)]))]
    types: dict[str, Callable[[list[Any]], Any]] = {"string": StringTensorType}
    return [(c["name"], types.get(c["type"], DoubleTensorType)([None, 1])) for c in columns]


def _only_numbers(model: Any, columns: list[dict[str, Any]]) -> bool:
    from sklearn.compose import ColumnTransformer

    if any(column["type"] not in NUMERIC for column in columns):
        return False
    return not any(isinstance(part, ColumnTransformer) for part in parts(model))


def reason(model: Any, problem: Exception, *, several: bool = False) -> str:
    """Return one short phrase for what kept the model from being converted."""
    text = " ".join(str(problem).split())
    if text.startswith("ONNX"):
        return text
    if text.startswith("the model refuses these rows"):
        return f"ONNX refuses rows that {type(model).__name__} answers"
    if several:
        return f"ONNX has no converter for {type(model).__name__} with several outputs"
    if "ONNXRuntimeError" in text:
        return f"ONNX Runtime does not load the graph of {type(model).__name__}"
    if "Unable to find a shape calculator" in text or "Unable to find a converter" in text:
        found = re.search(r"<class '([\w.]+)'>", text)
        name = found.group(1).rpartition(".")[2] if found else type(model).__name__
        return f"ONNX has no converter for {name}"
    if single := re.search(r"Operator Sklearn(\w+) .* got an input \w+ with a wrong type", text):
        return f"ONNX has no converter for {single.group(1)} in double precision"
    if "output_distribution='normal'" in text:
        return "ONNX has no converter for QuantileTransformer to a normal distribution"
    return f"ONNX conversion failed: {text.partition('. ')[0][:100]}"
