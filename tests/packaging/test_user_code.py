"""The user's own functions and classes come along, or are named with the remedy."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops_jupyter.errors import ModelError, NotFoundError
from mlops_jupyter.packaging.project import collect_code
from mlops_jupyter.packaging.references import find_references, origin
from mlops_jupyter.packaging.watch import __file__ as watch

PROJECT = {
    "src/__init__.py": "",
    "src/features/__init__.py": "from .clock import hours\n",
    "src/features/clock.py": """
        import numpy as np
        from ..shared import SCALE
        from .unused_here import *  # noqa

        def hours(table):
            import src.late_import
            return np.asarray(table) / SCALE + src.late_import.ZERO
        """,
    "src/features/unused_here.py": "",
    "src/shared.py": "SCALE = 60.0\n",
    "src/late_import.py": "ZERO = 0.0\n",
    "src/not_needed.py": "raise RuntimeError('must not be imported')\n",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a package named src, as the server's own folder in a package is."""
    for name, text in PROJECT.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "project")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path / "project"
    for name in [name for name in sys.modules if name.split(".")[0] == "src"]:
        del sys.modules[name]


def hours_model():
    hours = importlib.import_module("src.features").hours
    table = np.arange(20.0).reshape(10, 2)
    return make_pipeline(FunctionTransformer(hours), LinearRegression()).fit(table, table.sum(axis=1)), table


def test_a_project_with_its_own_src_is_packaged_and_answers_in_a_fresh_process(project, packaged, tmp_path):
    model, table = hours_model()
    built = packaged(model, table, name="hours")
    code = {path.relative_to(built.path / "code").as_posix() for path in (built.path / "code").rglob("*.py")}
    assert code == set(PROJECT) - {"src/not_needed.py"}
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"features": table[:2].tolist()}))
    command = [sys.executable, "-I", watch, str(built.path), str(request)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["status"] == 200
    assert answer["answer"]["predictions"] == pytest.approx(model.predict(table[:2]).tolist())


def test_a_changed_module_of_the_project_is_another_version(project, packaged):
    model, table = hours_model()
    before = packaged(model, table, name="changed_code")
    (project / "src/shared.py").write_text("SCALE = 60.0  # minutes\n")
    after = packaged(model, table, name="changed_code")
    assert (before.version, after.version) == ("1.0.0", "1.0.1")


def test_imports_are_followed_relative_late_and_through_packages(project):
    importlib.import_module("src.features.clock")
    assert collect_code(["src.features.clock"]).modules == ("src",)
    assert set(collect_code(["src.features.clock"]).files) == set(PROJECT) - {"src/not_needed.py"}


def test_code_can_be_added_by_file_and_by_folder(project, tmp_path):
    (tmp_path / "words.py").write_text("import other\n")
    (tmp_path / "other.py").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/levels.json").write_text("[]")
    code = collect_code([], [str(tmp_path / "words.py"), str(tmp_path / "data")])
    assert sorted(code.files) == ["data/levels.json", "other.py", "words.py"]


def test_a_file_to_add_that_is_not_there_is_refused():
    with pytest.raises(NotFoundError, match=r"--code nowhere\.py: no such file or folder"):
        collect_code([], ["nowhere.py"])


def test_classes_and_functions_are_found_by_where_they_come_from(project):
    hours = importlib.import_module("src.features").hours
    found = find_references(make_pipeline(FunctionTransformer(hours), LinearRegression()))
    assert [str(reference) for reference in found.project] == ["src.features.clock.hours"]
    assert found.distributions == ("sklearn",)
    assert found.notebook == ()


def test_a_lambda_is_found_and_nothing_is_called():
    called = []
    found = find_references(FunctionTransformer(lambda table: called.append(table)))
    assert [reference.name for reference in found.project] == [
        "test_a_lambda_is_found_and_nothing_is_called.<locals>.<lambda>"
    ]
    assert called == []


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("json", "python"),
        ("numpy.linalg", "installed"),
        ("__main__", "notebook"),
        ("sklearn.tree._tree", "installed"),
    ],
)
def test_the_origin_of_a_module(module, expected):
    assert origin(module) == expected


NOTEBOOK = """
import sys
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.packaging.building import build
from mlops_jupyter.packaging.request import PackageRequest
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace

def halve(table):
    return np.asarray(table) / 2

table = np.arange(20.0).reshape(10, 2)
model = make_pipeline(FunctionTransformer(halve), LinearRegression()).fit(table, table.sum(axis=1))
workspace = open_workspace()
try:
    request = PackageRequest(model, "halved", table, allow_pickle="--allow-pickle" in sys.argv)
    print(build(workspace, open_store(workspace), request, lambda _: None).format)
except MlopsError as error:
    print(error)
"""


def test_a_function_of_the_notebook_is_named_with_the_remedy(run_python):
    said = run_python(NOTEBOOK).stdout
    assert "the model needs `halve`, defined in the notebook" in said
    assert "%%writefile features.py" in said
    assert "from features import halve" in said


def test_a_function_of_the_notebook_is_taken_by_value_when_allowed(run_python):
    done = run_python(NOTEBOOK, "--allow-pickle")
    assert done.stdout.strip() == "cloudpickle", done.stdout + done.stderr


def test_a_module_without_source_is_refused():
    with pytest.raises(ModelError, match="source of module 'no_such_module' is not there"):
        collect_code(["no_such_module"])


def test_compiled_functions_of_a_library_are_not_taken_for_the_notebooks():
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=1).fit([[0.0], [1.0]] * 20, ["late", "on time"] * 20)
    assert find_references(model).notebook == ()
