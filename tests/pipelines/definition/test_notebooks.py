from __future__ import annotations

import json

import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.definition.declared import declared_step
from mlops_jupyter.pipelines.definition.exchanged import values_taken
from mlops_jupyter.pipelines.definition.notebooks import (
    Cell,
    Parameter,
    code_digest,
    kernel_of,
    notebook_cells,
    parameters_of,
)
from mlops_jupyter.pipelines.definition.sources import plain_python, tree_of


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content, indent=1))


def first_cell(content):
    return content["cells"][0]


def test_cells_are_read_with_kind_source_tags_and_id(project):
    path = project.notebook("n.ipynb", "a = 1", parameters="month = 1")
    change(path, lambda content: first_cell(content).update(source=["month = 1\n", "day = 2"], id="x1"))
    assert notebook_cells(path) == [
        Cell("code", "month = 1\nday = 2", frozenset({"parameters"}), "x1"),
        Cell("code", "a = 1"),
    ]
    assert kernel_of(path) == "python3"


def test_parameters_have_defaults_and_types(project):
    source = (
        'month = 1  # of 2013\nrate: float = 1\nname = "x"\nflags = [True]\nnone = None\n'
        'a, b = 1, 2\nmade = f(3)\nat: "list[int]" = []'
    )
    known = parameters_of(project.notebook("n.ipynb", parameters=source))
    assert known["month"] == Parameter(1, "int", 1)
    assert known["rate"] == Parameter(1, "float", 2)
    assert [known[name].type for name in ("name", "flags", "none", "a", "b", "made", "at")] == [
        "str",
        "list",
        "",
        "int",
        "int",
        "",
        "list",
    ]


def test_a_notebook_without_the_tag_has_no_parameters(project):
    assert parameters_of(project.notebook("n.ipynb", "month = 1")) == {}


def test_parameters_of_another_language_are_names(project):
    path = project.notebook("n.ipynb", parameters="month <- 1\nrate = 0.5\nx == 3", language="R")
    assert list(parameters_of(path)) == ["month", "rate"]


@pytest.mark.parametrize(
    ("what", "edit", "same"),
    [
        ("outputs", lambda content: first_cell(content).update(outputs=[{"output_type": "stream"}]), True),
        ("a count", lambda content: first_cell(content).update(execution_count=7), True),
        ("metadata", lambda content: content["metadata"].update(kernelspec={"name": "other"}), True),
        ("an id", lambda content: first_cell(content).update(id="other"), True),
        ("a collapsed cell", lambda content: first_cell(content)["metadata"].update(collapsed=True), True),
        (
            "Markdown",
            lambda content: content["cells"].append(
                {"cell_type": "markdown", "source": "# Hi", "metadata": {}}
            ),
            True,
        ),
        (
            "an empty cell",
            lambda content: content["cells"].append({"cell_type": "code", "source": "\n", "metadata": {}}),
            True,
        ),
        (
            "what papermill put in",
            lambda content: content["cells"].append(
                {"cell_type": "code", "source": "x = 3", "metadata": {"tags": ["injected-parameters"]}}
            ),
            True,
        ),
        ("a list of lines", lambda content: first_cell(content).update(source=["x = 1\n", "y = 2"]), True),
        ("code", lambda content: first_cell(content).update(source="x = 1\ny = 3"), False),
        ("a magic", lambda content: first_cell(content).update(source="%time\nx = 1\ny = 2"), False),
        ("a comment", lambda content: first_cell(content).update(source="x = 1\ny = 2  # two"), False),
        ("the order", lambda content: content["cells"].reverse(), False),
        (
            "a cell that may fail",
            lambda content: first_cell(content)["metadata"].update(tags=["raises-exception"]),
            False,
        ),
    ],
)
def test_the_digest_is_of_what_the_code_does(project, what, edit, same):
    path = project.notebook("n.ipynb", "x = 1\ny = 2", "print(x)")
    before = code_digest(path)
    change(path, edit)
    assert (code_digest(path) == before) is same, what


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("{", "no JSON at line 1"),
        ('{"cells": [\n<<<<<<< HEAD\n', "line 2 is a conflict of a merge"),
        ("[]", "no cells"),
        ('{"worksheets": []}', "open it in Jupyter and save it: nbformat 4 is needed"),
        ('{"cells": ' + "[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_notebook_says_why_in_one_line(project, content, said):
    path = project.folder / "n.ipynb"
    path.write_text(content)
    with pytest.raises(UsageError) as caught:
        notebook_cells(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_notebook_that_is_not_there_is_told_with_the_nearest(project):
    project.notebook("train.ipynb")
    with pytest.raises(NotFoundError, match=r"did you mean train\.ipynb"):
        notebook_cells(project.folder / "trian.ipynb")


def test_a_step_is_declared_in_the_first_cell_that_holds_anything(project):
    path = project.notebook(
        "n.ipynb", "", "%%mlops step --inputs a.csv,b.csv --outputs=c.csv --cpus 2 --warm false"
    )
    assert declared_step(path) == {
        "inputs": ["a.csv", "b.csv"],
        "outputs": ["c.csv"],
        "resources": {"cpus": 2},
        "warm": False,
    }
    assert declared_step(project.notebook("m.ipynb", "1", "%%mlops step --inputs a.csv")) is None


def test_values_that_cells_take_are_seen_wherever_they_stand():
    code = (
        "%%mlops step --outputs x\nmlops.output('rows', 3)",
        "def f():\n    return mlops.input('train.auc', default=0) + mlops.input('train[depth=3].auc')",
        "other.input('a.b')\nmlops.input(name)",
    )
    assert [(call.name, call.step, call.cell, call.optional) for call in values_taken(code)] == [
        ("train.auc", "train", 2, True),
        ("train[depth=3].auc", "train[depth=3]", 2, False),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nx = 1",
        "!ls\nx = 1",
        "files = !ls\nx = 1",
        "r = %mlops drift churn\nx = 1",
        "?print\nx = 1",
        "print?\nx = 1",
        "if True:\n    %time f()\nx = 1",
        "%%time\nx = 1",
        "y = 5 % 2\nx = 1",
        "s = '''\n100% sure!\n'''\nx = 1",
        "print(f'{a!r}')\nx = 1",
    ],
)
def test_cells_with_magics_are_read_as_python(source):
    tree = tree_of(source)
    assert tree is not None
    assert any(
        getattr(node, "targets", [None])[0].id == "x" for node in tree.body if hasattr(node, "targets")
    )


def test_cells_of_other_languages_are_passed_by():
    assert plain_python("%%bash\nx=1; y=2").strip() == ""
    assert tree_of("this is no python") is None
