"""Nothing a skops file says of itself is believed, and nothing in it runs before it was checked."""

from __future__ import annotations

import importlib
import io
import json
import os
import pickle
import sys
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops_jupyter.serving import trusted_names
from mlops_jupyter.serving.runtimes import open_runtime
from mlops_jupyter.serving.trust import UntrustedModelError, check_skops, load_skops

SCHEMA = {
    "input": {"kind": "matrix", "columns": [{"name": "x0", "type": "double", "dtype": "float64"}]},
    "output": {"outputs": [{"name": "y", "type": "long", "classes": [0, 1]}], "probabilities": True},
}


def saved(model, path):
    skops.io.dump(model, path)
    return path


def fitted():
    return LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])


def rewritten(path, change):
    """Write the file again with another schema.json."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(members["schema.json"])
    change(document)
    members["schema.json"] = json.dumps(document).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def node(loader, module, name, **rest):
    return {"__loader__": loader, "__module__": module, "__class__": name, **rest}


TEXT = node("JsonNode", "builtins", "str", content='"touch /tmp/owned"', is_json=True)
ARGUMENTS = node("TupleNode", "builtins", "tuple", content=[TEXT])


def test_a_fitted_estimator_is_loaded(tmp_path):
    model = load_skops(saved(fitted(), tmp_path / "m.skops"))
    assert model.predict([[1.0]]).tolist() == [1]


def test_a_function_of_the_system_is_refused_by_its_name(tmp_path):
    path = saved(make_pipeline(FunctionTransformer(os.system), fitted()), tmp_path / "m.skops")
    with pytest.raises(UntrustedModelError, match=r"posix\.system|nt\.system"):
        load_skops(path)


def test_trusted_types_that_the_file_declares_are_not_believed(tmp_path):
    path = saved(make_pipeline(FunctionTransformer(os.system), fitted()), tmp_path / "m.skops")

    def declare(document):
        document["trusted"] = document["trusted_types"] = ["posix.system", "os.system"]

    with pytest.raises(UntrustedModelError, match="system"):
        load_skops(rewritten(path, declare))


def test_the_configuration_of_a_package_cannot_add_trusted_types(tmp_path):
    (tmp_path / "model").mkdir()
    saved(FunctionTransformer(os.system), tmp_path / "model/model.skops")
    config = {
        "format": "skops",
        "model": "model/model.skops",
        "preprocessor": None,
        "code": [],
        "options": {"trusted": ["posix.system"]},
    }
    with pytest.raises(UntrustedModelError, match="system"):
        open_runtime(tmp_path, config, SCHEMA)


@pytest.mark.parametrize(
    "planted",
    [
        node("ConstructorFromReduceNode", "os", "system", content=ARGUMENTS),
        node(
            "ConstructorFromReduceNode",
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            content=ARGUMENTS,
        ),
        node("FunctionNode", "builtins", "eval"),
        node("FunctionNode", "joblib", "load"),
        node("FunctionNode", "numpy", "load"),
        node("FunctionNode", "sklearn.utils", "os.system"),
        node("TypeNode", "builtins", "exec"),
        node("TypeNode", "subprocess", "Popen"),
        node("ListNode", "os", "system", content=[TEXT]),
        node("SetNode", "subprocess", "Popen", content=[TEXT]),
        node("OperatorFuncNode", "operator", "methodcaller", attrs=ARGUMENTS),
        node("OperatorFuncNode", "operator", "call", attrs=ARGUMENTS),
        node("NdArrayNode", "os", "system", type="json", content=[TEXT], shape=ARGUMENTS),
        node("UnknownNode", "builtins", "dict"),
        node(["ListNode"], "builtins", "list"),
        node(
            "MethodNode",
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            content={"func": "fit", "obj": TEXT},
        ),
        node("ObjectNode", "sklearn.metrics._dist_metrics", "PyFuncDistance"),
    ],
    ids=lambda planted: f"{planted['__loader__']}-{planted['__module__']}.{planted['__class__']}",
)
def test_a_planted_node_is_refused(tmp_path, planted):
    path = saved({"model": fitted(), "planted": 1}, tmp_path / "m.skops")
    rewritten(path, lambda document: document["content"].update(planted=planted))
    with pytest.raises(UntrustedModelError):
        load_skops(path)


@pytest.fixture
def features(tmp_path, monkeypatch):
    """The user's own module, which imports what is dangerous."""
    (tmp_path / "own_features.py").write_text(
        "from os import system\nfrom pathlib import Path\n\ndef double(x):\n    return x * 2\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("own_features")
    sys.modules.pop("own_features")


def test_what_the_packages_own_code_defines_is_trusted(tmp_path, features):
    path = saved(FunctionTransformer(features.double), tmp_path / "m.skops")
    with pytest.raises(UntrustedModelError, match="own_features"):
        load_skops(path)
    assert load_skops(path, code=["own_features"]).transform(np.array([[2.0]])).tolist() == [[4.0]]


@pytest.mark.parametrize(
    "planted",
    [
        node("FunctionNode", "own_features", "system"),
        node("TypeNode", "own_features", "Path"),
        node("FunctionNode", "own_features", "missing"),
        node("ConstructorFromReduceNode", "own_features", "double", content=ARGUMENTS),
        node("FunctionNode", "own_features.system", "__call__"),
    ],
    ids=lambda planted: f"{planted['__loader__']}-{planted['__class__']}",
)
def test_what_the_packages_own_code_imports_is_not(tmp_path, features, planted):
    path = saved({"planted": 1}, tmp_path / "m.skops")
    rewritten(path, lambda document: document["content"].update(planted=planted))
    with pytest.raises(UntrustedModelError, match="own_features"):
        load_skops(path, code=["own_features"])


class Payload:
    def __reduce__(self):
        return os.mkdir, (self.path,)

    def __init__(self, path):
        self.path = str(path)


def test_a_pickle_in_place_of_a_skops_file_is_not_loaded(tmp_path):
    path, mark = tmp_path / "m.skops", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(UntrustedModelError, match="not a skops file"):
        load_skops(path)
    assert not mark.exists()


def test_a_pickled_array_inside_is_not_loaded(tmp_path):
    path, mark = saved(fitted(), tmp_path / "m.skops"), tmp_path / "mark"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload(mark)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, buffer.getvalue() if name.endswith(".npy") else content)
    with pytest.raises(ValueError, match="allow_pickle"):
        load_skops(path)
    assert not mark.exists()


def with_member(path, name, content=b"", **options):
    with zipfile.ZipFile(path, "a", **options) as archive:
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../../etc/cron.d/job", "/etc/passwd", "..\\up.npy", "C:/up.npy"])
def test_a_member_outside_the_archive_is_refused(tmp_path, name):
    path = with_member(saved(fitted(), tmp_path / "m.skops"), name)
    with pytest.raises(UntrustedModelError, match="outside"):
        check_skops(path)


def test_an_archive_that_expands_without_measure_is_refused(tmp_path):
    path = with_member(saved(fitted(), tmp_path / "m.skops"), "bomb.npy", bytes(100_000_000), compression=8)
    with pytest.raises(UntrustedModelError, match="expand"):
        check_skops(path)


def test_a_bomb_inside_a_sparse_matrix_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=8) as inner:
        inner.writestr("data.npy", bytes(100_000_000))
    path = with_member(saved(fitted(), tmp_path / "m.skops"), "1.npz", buffer.getvalue())
    with pytest.raises(UntrustedModelError, match="expand"):
        check_skops(path)


def test_a_member_named_twice_is_refused(tmp_path):
    path = saved(fitted(), tmp_path / "m.skops")
    with pytest.warns(UserWarning, match="Duplicate name"):
        with_member(path, "schema.json", b"{}")
    with pytest.raises(UntrustedModelError, match="twice"):
        check_skops(path)


def test_an_older_protocol_with_looser_rules_is_refused(tmp_path):
    path = rewritten(saved(fitted(), tmp_path / "m.skops"), lambda document: document.update(protocol=0))
    with pytest.raises(UntrustedModelError, match="protocol"):
        check_skops(path)


def test_a_schema_nested_without_end_is_refused(tmp_path):
    path = tmp_path / "m.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", '{"a":' * 200_000 + "1" + "}" * 200_000)
    with pytest.raises(UntrustedModelError):
        check_skops(path)


def test_no_trusted_name_is_a_module_or_reaches_out():
    everything = frozenset().union(*(v for v in vars(trusted_names).values() if isinstance(v, frozenset)))
    assert len(everything) > 150
    reaching = (
        "os.",
        "posix.",
        "subprocess.",
        "builtins.eval",
        "builtins.exec",
        "builtins.getattr",
        "pickle.",
        "joblib.",
    )
    assert not [name for name in everything if name.startswith(reaching) or "__" in name]
    present = [name for name in trusted_names.FUNCTIONS if _exists(name)]
    assert len(present) > 0.8 * len(trusted_names.FUNCTIONS)
    assert all(callable(_found(name)) for name in present)


def _found(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _exists(name):
    try:
        return _found(name) is not None
    except (ImportError, AttributeError):
        return False


@pytest.mark.parametrize(
    "name", ["DecisionTreeRegressor", "RandomForestClassifier", "HistGradientBoostingClassifier"]
)
@pytest.mark.parametrize(("field", "value"), [("left", 10_000), ("left", 0), ("feature", 10_000)])
def test_a_tree_that_points_outside_itself_is_refused(tmp_path, name, field, value):
    from sklearn import ensemble, tree

    random = np.random.default_rng(0)
    features = random.normal(size=(60, 2))
    estimator = getattr(tree, name, None) or getattr(ensemble, name)
    model = estimator(random_state=0).fit(features, features[:, 0] > 0)
    path = saved(model, tmp_path / "m.skops")
    names = {"left": ("left", "left_child"), "feature": ("feature_idx", "feature")}[field]
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    for member, content in members.items():
        if member.endswith(".npy"):
            members[member] = tampered(content, names, value)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    with pytest.raises((UntrustedModelError, ValueError), match=r"points outside|out of bounds|node array"):
        load_skops(path)


def tampered(content, names, value):
    array = np.load(io.BytesIO(content))
    if array.dtype.names is None or len(array) < 2:
        return content
    for name in names:
        if name in array.dtype.names:
            array[name][0] = value
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
