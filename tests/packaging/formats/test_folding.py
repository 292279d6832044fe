"""A scaler is folded into the line behind it, and only where that changes nothing that counts."""

from __future__ import annotations

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import helper, numpy_helper
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.packaging.formats import formulas  # noqa: F401 - it registers itself with skl2onnx
from mlops_jupyter.packaging.formats.folding import fold_scalers
from mlops_jupyter.packaging.formats.graph import convert
from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.outputs import infer_output
from mlops_jupyter.serving.runtimes import GraphRuntime

DOUBLE = onnx.TensorProto.DOUBLE
RNG = np.random.default_rng(0)
DATA = pd.DataFrame(RNG.normal(3, 2, (400, 5)), columns=list("abcde"))
TARGETS = {
    "two classes": (DATA.a + DATA.b > 6).astype(int),
    "three classes": pd.cut(DATA.c, 3, labels=False),
    "names": np.where(DATA.d > 3, "high", "low"),
    "a number": DATA.a * 2 - DATA.e,
}


def graph_of(model, data, target):
    schema = {"schema_version": 1, "input": infer_input(data), "output": infer_output(model, data, target)}
    content = convert(model, schema)
    kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
    return kinds, GraphRuntime(content, schema)


@pytest.mark.parametrize("name", ["two classes", "three classes", "names"])
def test_a_scaler_before_a_logistic_regression_is_folded_and_answers_the_same(name):
    target = pd.Series(TARGETS[name], name="target")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(DATA, target)
    kinds, runtime = graph_of(model, DATA, target)
    assert "Gemm" in kinds
    assert not {"Sub", "Div", "MatMul", "Add"} & set(kinds)
    answer = runtime.predict_input(DATA)
    assert (answer.labels[0] == model.predict(DATA)).all()
    np.testing.assert_allclose(answer.probabilities[0], model.predict_proba(DATA), rtol=0, atol=1e-13)


@pytest.mark.parametrize("line", [Ridge(), LinearRegression()])
def test_a_regression_behind_a_scaler_answers_the_same(line):
    target = TARGETS["a number"].rename("target")
    model = make_pipeline(StandardScaler(), line).fit(DATA, target)
    _, runtime = graph_of(model, DATA, target)
    np.testing.assert_allclose(runtime.predict_input(DATA).labels[0], model.predict(DATA), rtol=1e-12)


def test_a_column_whose_mean_is_many_times_its_spread_is_scaled_as_before():
    far = DATA.assign(a=1e9 + DATA.a * 1e-3)
    target = pd.Series(TARGETS["two classes"], name="target")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(far, target)
    kinds, runtime = graph_of(model, far, target)
    assert {"Sub", "Div", "MatMul", "Add"} <= set(kinds)
    assert (runtime.predict_input(far).labels[0] == model.predict(far)).all()


def test_a_scaler_that_something_else_reads_stays():
    from sklearn.pipeline import make_union
    from sklearn.preprocessing import FunctionTransformer

    target = pd.Series(TARGETS["two classes"], name="target")
    twice = make_union(FunctionTransformer(), FunctionTransformer())
    model = make_pipeline(StandardScaler(), twice, LogisticRegression()).fit(DATA, target)
    kinds, runtime = graph_of(model, DATA, target)
    assert "Div" in kinds
    assert (runtime.predict_input(DATA).labels[0] == model.predict(DATA)).all()


def test_what_only_a_branch_reads_stays():
    def branch(name):
        node = helper.make_node("Identity", ["inner"], [name])
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, DOUBLE, [1])])

    choice = helper.make_node("If", ["asked"], ["y"], then_branch=branch("yes"), else_branch=branch("no"))
    asked = helper.make_tensor_value_info("asked", onnx.TensorProto.BOOL, [])
    answer = helper.make_tensor_value_info("y", DOUBLE, [1])
    constants = [numpy_helper.from_array(np.ones(1), name) for name in ("inner", "unused")]
    document = helper.make_model(helper.make_graph([choice], "chosen", [asked], [answer], constants))
    fold_scalers(document)
    onnx.checker.check_model(document)
    assert [each.name for each in document.graph.initializer] == ["inner"]
