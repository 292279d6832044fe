"""ONNX written as one writes NumPy, so that a converter reads like the estimator's own `predict`.

`@transformer`, `@regressor`, `@classifier` and `@margins` register a function with skl2onnx; from then on it
is used wherever the estimator stands: alone, in a pipeline, under a ColumnTransformer or an ensemble. All
arithmetic is in double precision, as in scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ML = "ai.onnx.ml"
Operand: TypeAlias = "Tensor | NDArray[Any] | float | int"
Decorator: TypeAlias = "Callable[[Callable[..., Any]], Callable[..., Any]]"
_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value in the graph, with NumPy's arithmetic and comparisons."""

    graph: Graph
    name: str
    text: bool = False
    width: int | None = None

    def __add__(self, other: Operand) -> Tensor:
        return self.graph("Add", self, other)

    def __sub__(self, other: Operand) -> Tensor:
        return self.graph("Sub", self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return self.graph("Sub", other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return self.graph("Mul", self, other)

    def __truediv__(self, other: Operand) -> Tensor:
        return self.graph("Div", self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return self.graph("Div", other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return self.graph("Pow", self, other)

    def __matmul__(self, other: Operand) -> Tensor:
        return self.graph("MatMul", self, other)

    def __neg__(self) -> Tensor:
        return self.graph("Neg", self)

    def __gt__(self, other: Any) -> Tensor:
        return self.graph("Greater", self, other)

    def __lt__(self, other: Any) -> Tensor:
        return self.graph("Less", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return self.graph("GreaterOrEqual", self, other)

    def __le__(self, other: Any) -> Tensor:
        return self.graph("LessOrEqual", self, other)

    def equals(self, other: Operand) -> Tensor:
        """Compare element by element, strings included."""
        return self.graph("Equal", self, other)

    def to(self, kind: str) -> Tensor:
        """Cast to ``DOUBLE``, ``FLOAT``, ``INT64`` or ``BOOL``."""
        from onnx import TensorProto

        return self.graph("Cast", self, to=getattr(TensorProto, kind))

    def columns(self, indices: Any) -> Tensor:
        """Select columns by number."""
        return self.graph("Gather", self, np.asarray(indices, dtype=np.int64), axis=1)

    def sum(self, axis: int = 1, keepdims: bool = True) -> Tensor:
        """Sum over one axis."""
        return self.graph("ReduceSum", self, np.array([axis], dtype=np.int64), keepdims=int(keepdims))

    def reshape(self, *shape: int) -> Tensor:
        """Reshape; 0 keeps a dimension, -1 infers it."""
        return self.graph("Reshape", self, np.array(shape, dtype=np.int64))

    def argmax(self) -> Tensor:
        """Return the number of the largest column, the first of equals, with shape (rows,)."""
        return self.graph("ArgMax", self, axis=1, keepdims=0)

    def is_nan(self) -> Tensor:
        """Tell where values are missing."""
        return self.graph("IsNaN", self)


class Graph:
    """Adds nodes and constants to the container of skl2onnx."""

    def __init__(self, scope: Any, container: Any) -> None:
        self.scope, self.container = scope, container

    def __call__(
        self, op: str, *inputs: Any, domain: str = "", version: int | None = None, **attributes: Any
    ) -> Tensor:
        """Add one node with one output."""
        output = Tensor(self, self.scope.get_unique_variable_name(op.lower()))
        names = [self.tensor(value).name for value in inputs]
        self.container.add_node(
            op,
            names,
            [output.name],
            op_domain=domain,
            op_version=version,
            name=self.scope.get_unique_operator_name(op),
            **attributes,
        )
        return output

    def tensor(self, value: Any) -> Tensor:
        """Return a constant for a NumPy array, a number or a text; floats are double."""
        from onnx import TensorProto
        from onnx.numpy_helper import from_array

        if isinstance(value, Tensor):
            return value
        array = np.asarray(value)
        name = self.scope.get_unique_variable_name("constant")
        if array.dtype.kind in "OUS":
            content: Any = [str(text).encode() for text in array.ravel()]
            self.container.add_initializer(name, TensorProto.STRING, array.shape, content)
        else:
            kind = {"f": np.float64, "b": np.bool_}.get(array.dtype.kind, np.int64)
            self.container.add_initializer(name, None, None, from_array(array.astype(kind), name))
        return Tensor(self, name)

    def where(self, condition: Tensor, yes: Any, no: Any) -> Tensor:
        """Choose element by element."""
        return self("Where", condition, yes, no)

    def concat(self, tensors: list[Tensor], axis: int = 1) -> Tensor:
        """Join along an axis."""
        return tensors[0] if len(tensors) == 1 else self("Concat", *tensors, axis=axis)

    def rows_of(self, table: Any, indices: Tensor) -> Tensor:
        """Select rows of a constant table."""
        return self("Gather", np.asarray(table), indices, axis=0)

    def child(self, estimator: Any, value: Tensor) -> list[Tensor]:
        """Apply another estimator to a value, and return its outputs."""
        from skl2onnx._supported_operators import _get_sklearn_operator_name
        from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType
        from sklearn.base import is_classifier

        alias = _get_sklearn_operator_name(type(estimator))
        operator = self.scope.declare_local_operator(alias, estimator)
        operator.inputs.append(
            self._variable("child_input", DoubleTensorType([None, estimator.n_features_in_]))
        )
        self.container.add_node("Identity", [value.name], [operator.inputs[0].full_name])
        kinds = [Int64TensorType, DoubleTensorType] if is_classifier(estimator) else [DoubleTensorType]
        operator.outputs.extend(self._variable("child_output", kind()) for kind in kinds)
        return [Tensor(self, output.full_name) for output in operator.outputs]

    def _variable(self, name: str, kind: Any) -> Any:
        return self.scope.declare_local_variable(name, kind)

    def inputs(self, operator: Any) -> list[Tensor]:
        """Return the inputs of an operator; numbers become double."""
        from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

        kinds = {StringTensorType: True, DoubleTensorType: False}
        found = []
        for variable in operator.inputs:
            tensor = Tensor(
                self, variable.full_name, kinds.get(type(variable.type), False), variable.type.shape[1]
            )
            found.append(tensor if type(variable.type) in kinds else tensor.to("DOUBLE"))
        return found

    def bind(self, value: Tensor, output: Any) -> None:
        """Make a value the output of an operator."""
        self.container.add_node("Identity", [value.name], [output.full_name])


def labels(graph: Graph, classes: Any, index: Tensor) -> Tensor:
    """Return the class of each row from its number."""
    classes = np.asarray(classes)
    if classes.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes))):
        return index
    table = classes.astype(str) if classes.dtype.kind in "OUS" else classes.astype(np.int64)
    return graph.rows_of(table, index)


def _register(
    estimator: type, shapes: Callable[[Any], None], convert: Callable[..., None], **options: Any
) -> None:
    from skl2onnx import update_registered_converter

    update_registered_converter(estimator, f"Exact{estimator.__name__}", shapes, convert, **options)


def transformer(*estimators: type, whole: bool = True) -> Decorator:
    """Register ``f(graph, model, x) -> Tensor`` for transformers.

    Parameters
    ----------
    *estimators : type
        The classes the function is for.
    whole : bool
        Whether `x` is all inputs side by side, else the list of them.
    """
    from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

    def shapes(operator: Any) -> None:
        text = isinstance(operator.inputs[0].type, StringTensorType) and keeps_text(operator.raw_operator)
        kind = StringTensorType if text else DoubleTensorType
        operator.outputs[0].set_type(kind([None, _width(operator.raw_operator)]))

    return _decorator(estimators, shapes, _one_output, whole=whole)


def keeps_text(model: Any) -> bool:
    """Tell whether a transformer of strings gives strings."""
    return type(model).__name__ == "SimpleImputer"


def regressor(*estimators: type, whole: bool = True) -> Decorator:
    """Register ``f(graph, model, x) -> Tensor`` of shape (rows, outputs)."""
    from skl2onnx.common.data_types import DoubleTensorType

    def shapes(operator: Any) -> None:
        operator.outputs[0].set_type(
            DoubleTensorType([None, getattr(operator.raw_operator, "n_outputs_", 1)])
        )

    return _decorator(estimators, shapes, _one_output, whole=whole)


def classifier(*estimators: type, whole: bool = True) -> Decorator:
    """Register ``f(graph, model, x) -> Tensor`` of probabilities, or a list of them for several outputs."""
    return _decorator(estimators, _classifier_shapes, _with_labels, whole=whole, options=_OPTIONS)


def margins(*estimators: type) -> Decorator:
    """Register ``f(graph, model, x) -> Tensor`` of decision values, for classifiers with no probabilities."""
    return _decorator(estimators, _classifier_shapes, _by_margin, options=_OPTIONS)


def decided(*estimators: type) -> Decorator:
    """Register ``f(graph, model, x) -> (labels, probabilities)`` for classifiers with a rule of their own."""
    return _decorator(estimators, _classifier_shapes, _labels_and_scores, options=_OPTIONS)


def labelled(*estimators: type) -> Decorator:
    """Register ``f(graph, model, x) -> (labels, scores)`` for clusterers and outlier detectors."""
    return _decorator(
        estimators, _classifier_shapes, _labels_and_scores, options={"score_samples": [True, False]}
    )


def _decorator(estimators: Any, shapes: Any, finish: Any, *, whole: bool = True, **options: Any) -> Decorator:
    def decorate(write: Callable[..., Any]) -> Callable[..., Any]:
        def convert(scope: Any, operator: Any, container: Any) -> None:
            graph = Graph(scope, container)
            inputs = graph.inputs(operator)
            finish(
                graph,
                operator,
                write(graph, operator.raw_operator, graph.concat(inputs) if whole else inputs),
            )

        for estimator in estimators:
            _register(estimator, shapes, convert, **options)
        return write

    return decorate


def _by_margin(graph: Graph, operator: Any, margin: Tensor) -> None:
    classes = operator.raw_operator.classes_
    index = margin.argmax() if len(classes) > 2 else (margin.reshape(-1) > 0.0).to("INT64")
    _labels_and_scores(graph, operator, (labels(graph, classes, index), margin))


def _one_output(graph: Graph, operator: Any, value: Tensor) -> None:
    graph.bind(value, operator.outputs[0])


def _labels_and_scores(graph: Graph, operator: Any, values: tuple[Tensor, Tensor]) -> None:
    for value, output in zip(values, operator.outputs, strict=False):
        graph.bind(value, output)


def _with_labels(graph: Graph, operator: Any, value: Tensor | list[Tensor]) -> None:
    classes = operator.raw_operator.classes_
    if isinstance(value, Tensor):
        _labels_and_scores(graph, operator, (labels(graph, classes, value.argmax()), value))
        return
    named = [labels(graph, c, v.argmax()).reshape(-1, 1) for c, v in zip(classes, value, strict=True)]
    width = max(map(len, classes))  # outputs with fewer classes are padded with nothing
    stacked = graph.concat([v.reshape(1, -1, width) for v in value], axis=0)
    _labels_and_scores(graph, operator, (graph.concat(named), stacked))


def _classifier_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType

    classes = getattr(operator.raw_operator, "classes_", [0])
    several = isinstance(classes, list) and np.ndim(classes[0]) > 0
    first = np.asarray(classes[0] if several else classes)
    kind = StringTensorType if first.dtype.kind in "OUS" else Int64TensorType
    operator.outputs[0].set_type(kind([None, len(classes)] if several else [None]))
    shape = [len(classes), None, max(map(len, classes))] if several else [None, len(classes)]
    if len(operator.outputs) > 1:
        operator.outputs[1].set_type(DoubleTensorType(shape))


def _width(model: Any) -> int | None:
    try:
        return len(model.get_feature_names_out())
    except (AttributeError, ValueError):
        return None
