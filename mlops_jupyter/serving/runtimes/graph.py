"""Models served by ONNX Runtime: no scikit-learn, no pandas on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .prediction import Prediction, as_declared, gives_probabilities, split_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ..batch import Batch

MISSING_TEXT = (
    "\U0010ffff"  # ONNX strings have no missing value; this is no character, so no text of a request
)
MATRIX = "features"  # the one input of a graph that takes all columns as one matrix of doubles
_FEW = 32
_DECLARED = {"long": np.dtype("int64"), "integer": np.dtype("int64"), "double": np.dtype("float64")}
_AS_THEY_ARE = frozenset({
    ("long", "tensor(int64)"), ("integer", "tensor(int64)"), ("double", "tensor(double)"),
    ("string", "tensor(string)"),
})  # fmt: skip
_NUMPY = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(int64)": np.int64}


class GraphRuntime:
    """An ONNX graph with one input per column, or one matrix, or one column of texts.

    Parameters
    ----------
    graph : bytes
        The ONNX model.
    schema : dict
        ``model/feature_schema.json``.
    """

    def __init__(self, graph: bytes, schema: dict[str, Any]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # the server's workers are the parallelism; a thread pool per model would only contend with them
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4  # what fails is raised as well
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        # what is beneath its `run`, which looks at the names of the inputs again at each call
        self._ask = getattr(self._session, "_sess", self._session).run
        self._inputs = [(i.name, i.type) for i in self._session.get_inputs()]
        self._failure = onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument
        self._matrix = self._inputs == [(MATRIX, "tensor(double)")]
        self._names = [column["name"] for column in schema["input"]["columns"]]
        self._single = {c["name"] for c in schema["input"]["columns"] if c["dtype"] in ("float32", "float16")}
        self._plain = self._matrix and not self._single
        self._outputs = schema["output"]["outputs"]
        # the dtype that the labels of one output need no look in, as most have
        self._declared = _DECLARED.get(self._outputs[0]["type"]) if len(self._outputs) == 1 else None
        self._wanted = [o.name for o in self._session.get_outputs()][
            : 2 if gives_probabilities(schema) else 1
        ]

    @property
    def ask_matrix(self) -> Callable[[NDArray[np.float64]], list[Any]] | None:
        """What answers a matrix of doubles with labels, and probabilities if there are any, as it has them.

        None where the columns go in one by one, or labels need a closer look.
        """
        first = self._session.get_outputs()[0].type
        if not self._plain or (self._outputs[0]["type"], first) not in _AS_THEY_ARE:
            return None
        ask, wanted = self._ask, self._wanted
        return lambda matrix: ask(wanted, {MATRIX: matrix}, None)

    def predict(self, batch: Batch) -> Prediction:
        """Answer a validated batch."""
        if self._plain and batch.block is not None:
            return self._run({MATRIX: batch.block})
        return self.predict_columns(batch.columns)

    def predict_input(self, model_input: Any) -> Prediction:
        """Answer what the model itself takes."""
        return self.predict_columns(as_columns(model_input, self._names))

    def predict_columns(self, columns: Mapping[str, NDArray[Any]]) -> Prediction:
        """Answer one array of shape (rows,) per column."""
        if self._single:  # the model sees them rounded, so a row on a split must be rounded here as well
            rounded = {name: columns[name].astype(np.float32) for name in self._single}
            columns = {**columns, **rounded}
        return self._run(self._feeds(columns))

    def _feeds(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if self._matrix:
            return {MATRIX: np.column_stack([columns[c].astype(np.float64, copy=False) for c in self._names])}
        return {
            name: _as_tensor(columns[column], kind)
            for (name, kind), column in zip(self._inputs, self._names, strict=True)
        }

    def _run(self, feeds: dict[str, NDArray[Any]]) -> Prediction:
        try:
            labels, *rest = self._ask(self._wanted, feeds, None)
        except self._failure as problem:
            # the row of an unseen category lies outside the encoder's table: see packaging's encoders
            raise ValueError(
                f"the model refuses these rows: {str(problem).rpartition(':')[2].strip()}"
            ) from None
        if labels.dtype == self._declared and labels.ndim == 1:
            outputs = [labels]
        else:
            outputs = [as_declared(a, o) for a, o in zip(split_outputs(labels), self._outputs, strict=True)]
        probabilities = _tables(rest[0], self._outputs) if rest else None
        _refuse_missing(probabilities or outputs)
        return Prediction(outputs, probabilities)


def _refuse_missing(answers: list[NDArray[Any]]) -> None:
    """Refuse rows without an answer, as estimators do: an encoder may turn an unseen category into NaN."""
    for answer in answers:
        if answer.dtype.kind == "f" and _has_nan(answer):
            raise ValueError("the model refuses these rows: a value is missing")


def _has_nan(answer: NDArray[np.float64]) -> bool:
    if answer.size <= _FEW:
        total = sum(answer.ravel().tolist())  # for one row a tenth of the time
        if total == total:
            return False  # or it were NaN as well
    return bool(np.isnan(answer).any())


def _tables(probabilities: Any, outputs: list[dict[str, Any]]) -> list[NDArray[np.float64]]:
    """Return one table per output: ONNX has a sequence, or one more dimension, padded to the most classes."""
    if len(outputs) == 1 and probabilities.dtype == np.float64:
        width = len(outputs[0]["classes"])
        return [probabilities if probabilities.shape[1] == width else probabilities[:, :width]]
    tables = [probabilities] if len(outputs) == 1 else list(probabilities)
    widths = [len(output["classes"]) for output in outputs]
    return [np.asarray(t[:, :n], dtype=np.float64) for t, n in zip(tables, widths, strict=True)]


def _as_tensor(column: NDArray[Any], kind: str) -> NDArray[Any]:
    if kind != "tensor(string)":
        return np.asarray(column).astype(_NUMPY[kind], copy=False).reshape(-1, 1)
    # missing is None, NaN or pandas.NA: only texts are equal to themselves and have a length
    texts = [value if isinstance(value, str) else MISSING_TEXT for value in column]
    return np.array(texts, dtype=object).reshape(-1, 1)


def as_columns(model_input: Any, names: list[str]) -> dict[str, NDArray[Any]]:
    """Return one array per column of a frame, a matrix, a sparse matrix or a list of texts.

    Examples
    --------
    >>> as_columns(np.array([[1.0, 2.0]]), ["x0", "x1"])
    {'x0': array([1.]), 'x1': array([2.])}
    """
    if hasattr(model_input, "columns"):
        return {name: _numpy(model_input[name]) for name in names}
    if hasattr(model_input, "toarray"):
        model_input = model_input.toarray()
    array = np.asarray(model_input)
    if array.ndim == 1:
        return {names[0]: array.astype(object)}
    return {name: array[:, i] for i, name in enumerate(names)}


def _numpy(series: Any) -> NDArray[Any]:
    """Return a pandas column as NumPy, missing as NaN or None whatever its dtype."""
    if series.dtype.kind in "biuf" and series.hasnans:
        return np.asarray(series.astype("float64").to_numpy(dtype="float64", na_value=np.nan))
    values = series.to_numpy()
    return np.asarray(values)


def open_graph(folder: Path, config: dict[str, Any], schema: dict[str, Any]) -> GraphRuntime:
    """Open a model saved as ONNX."""
    return GraphRuntime((folder / config["model"]).read_bytes(), schema)
