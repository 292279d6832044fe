from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.definition.fields import OF_PIPELINE, OF_STEP
from mlops_jupyter.pipelines.definition.pipeline import Resources
from mlops_jupyter.pipelines.definition.positions import PipelineError
from mlops_jupyter.pipelines.definition.reading import (
    check_inputs,
    missing_inputs,
    read_pipeline,
)


def test_a_step_is_as_little_as_a_name_and_a_notebook(project):
    pipeline = project.read("steps: {a: a.ipynb}")
    assert (pipeline.name, pipeline.folder) == ("delays", project.folder)
    assert pipeline.step("a").notebook == project.folder / "a.ipynb"


def test_steps_come_behind_what_they_need_else_in_the_order_of_the_file(project):
    pipeline = project.read(
        """
        steps:
          train: {notebook: a.ipynb, inputs: [data/clean.csv]}
          report: {notebook: b.ipynb, after: train}
          clean: {notebook: c.ipynb, outputs: [data/clean.csv]}
        """
    )
    assert [(step.name, step.needs) for step in pipeline.steps] == [
        ("clean", ()),
        ("train", ("clean",)),
        ("report", ("train",)),
    ]


def test_a_list_of_steps_is_the_same_as_a_mapping(project):
    listed = project.read("steps: [{name: a, notebook: a.ipynb}, {name: b, notebook: b.ipynb, after: [a]}]")
    mapped = project.read("steps: {a: a.ipynb, b: {notebook: b.ipynb, after: [a]}}")
    assert listed == mapped


@pytest.mark.parametrize(
    ("wanted", "made"),
    [
        ("data/x.csv", "data/x.csv"),
        ("data", "data/x.csv"),
        ("data/x.csv", "data"),
        ("data/*.csv", "data/x.csv"),
        ("**/x.csv", "data/x.csv"),
        (".", "data/x.csv"),
        ("./data/../data/x.csv", "data//x.csv"),
        ("../data/x.csv", "../data"),
    ],
)
def test_an_input_that_another_makes_is_an_edge(project, wanted, made):
    pipeline = project.read(
        f"""
        steps:
          a: {{notebook: a.ipynb, inputs: ["{wanted}"]}}
          b: {{notebook: b.ipynb, outputs: ["{made}"]}}
        """
    )
    assert pipeline.step("a").needs == ("b",)


def test_files_that_only_share_a_folder_make_no_edge(project):
    pipeline = project.read(
        """
        steps:
          a: {notebook: a.ipynb, inputs: [data/x.csv, database]}
          b: {notebook: b.ipynb, outputs: [data/y.csv]}
        """
    )
    assert pipeline.step("a").needs == ()


def test_a_value_taken_from_another_step_is_an_edge(project):
    project.notebook("a.ipynb", "import mlops_jupyter as mlops", "rows = mlops.input('b.rows')")
    assert project.read("steps: {a: a.ipynb, b: b.ipynb}").step("a").needs == ("b",)


def test_a_value_of_a_step_that_is_not_there_is_told_with_its_cell(project):
    project.notebook("a.ipynb", "import mlops_jupyter as mlops", "rows = mlops.input('trian.rows')")
    said = project.refused("steps:\n  a: a.ipynb\n  train: b.ipynb")
    assert said == (
        "pipeline.yaml:2:6: steps.a.notebook: a.ipynb (code cell 2) takes 'trian.rows', "
        "but there is no step 'trian'; did you mean train?"
    )


def test_a_value_with_a_default_may_come_from_nowhere(project):
    project.notebook("a.ipynb", "rows = mlops.input('other.rows', default=3)")
    assert project.read("steps: {a: a.ipynb}").step("a").needs == ()


def test_a_matrix_makes_a_step_of_each_combination(project):
    project.notebook("b.ipynb", parameters="depth = 1\nrate = 0.1")
    pipeline = project.read(
        """
        steps:
          train:
            notebook: b.ipynb
            matrix: {depth: [3, 5], rate: [0.1, 1]}
            outputs: ["m-@param(depth)-@param(rate).bin"]
          a: {notebook: a.ipynb, after: [train]}
          c: {notebook: c.ipynb, after: ["train[depth=5,rate=1]"]}
        """
    )
    trained = [step for step in pipeline.steps if step.group == "train"]
    assert [step.name for step in trained] == [f"train[depth={d},rate={r}]" for d in (3, 5) for r in (0.1, 1)]
    assert trained[2].parameters == {"depth": 5, "rate": 0.1}
    assert trained[2].outputs == ("m-5-0.1.bin",)
    assert pipeline.step("a").needs == tuple(step.name for step in trained)
    assert pipeline.step("c").needs == ("train[depth=5,rate=1]",)


def test_names_of_a_matrix_are_names_of_folders_and_no_two_alike(project):
    project.notebook("b.ipynb", parameters="file = ''")
    pipeline = project.read("steps: {b: {notebook: b.ipynb, matrix: {file: [x/y.csv, x-y.csv, 'X y.csv']}}}")
    names = [step.name for step in pipeline.steps]
    assert names == ["b[file=x-y.csv]", "b[file=x-y.csv~2]", "b[file=X-y.csv~3]"]


def test_steps_take_the_parameters_their_notebook_has_under_their_own(project):
    project.notebook("a.ipynb", parameters="month = 1\ndepth = 2")
    project.notebook("b.ipynb", parameters="month = 1")
    pipeline = project.read(
        """
        parameters: {month: 7, depth: 3}
        steps:
          a: {notebook: a.ipynb, parameters: {depth: 9}}
          b: b.ipynb
          c: c.ipynb
        """
    )
    assert [dict(step.parameters) for step in pipeline.steps] == [{"month": 7, "depth": 9}, {"month": 7}, {}]


def test_what_is_given_becomes_the_type_that_the_file_shows(project):
    text = """
        parameters: {n: 1, rate: 0.5, flag: true, name: x, many: [1], free: null, day: "@date(%d)"}
        steps: {a: a.ipynb}
    """
    given = {
        "n": "2",
        "rate": "1",
        "flag": "no",
        "name": "3",
        "many": "[4, 5]",
        "free": "6",
        "day": "@date(%m)",
    }
    assert project.read(text, **given).parameters == {
        "n": 2,
        "rate": 1.0,
        "flag": False,
        "name": "3",
        "many": [4, 5],
        "free": 6,
        "day": "03",
    }


def test_a_template_given_for_a_number_becomes_one(project):
    project.notebook("a.ipynb", parameters="month = 1\nday = 2")
    text = """
        parameters: {month: 1}
        steps: {a: {notebook: a.ipynb, parameters: {day: "@date(%d)"}}}
    """
    moment = datetime(2026, 11, 8, tzinfo=ZoneInfo("Europe/Berlin"))
    pipeline = project.read(text, moment, month="@date(%m, -1 month)")
    assert pipeline.step("a").parameters == {"month": 10, "day": 8}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mnth": "2"}, "-p mnth=2: the pipeline has no parameter 'mnth'; did you mean month?"),
        ({"month": "two"}, "-p month=two: 'two' is no whole number"),
        ({"month": 2.5}, "-p month=2.5: 2.5 is no whole number, as month: 1 is"),
        ({"month": True}, "-p month=True: true is no whole number, as month: 1 is"),
        (
            {"month": object},
            "-p month=<class 'object'>: a type is no plain value; give text, numbers, lists, …",
        ),
        (
            {"month": "@date(%Q)"},
            "-p month=@date(%Q): @date(%Q): '%Q' is no part of a date; write %Y, %m, %d, %H, %M, …",
        ),
    ],
)
def test_what_is_given_wrong_is_refused_by_name_and_type(project, given, said):
    assert project.refused("{parameters: {month: 1}, steps: {a: a.ipynb}}", **given) == said


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            "parameters: {mnth: 1}",
            "steps.b.parameters.mnth: n.ipynb has no parameter 'mnth'; did you mean month?",
        ),
        (
            "parameters: {month: x}",
            "steps.b.parameters.month: 'x' is no whole number, as month = 1 in n.ipynb is",
        ),
        ("parameters: {month: 1.5}", "write month: float = … there if any number will do"),
        ("parameters: {rate: high}", "'high' is no number, as rate = 0.5 in n.ipynb is"),
        ("parameters: {flag: 1}", "1 is no true or false"),
        ("timeout: 5 parsecs", "steps.b.timeout: '5 parsecs' is no duration; write 30s, 10m, 2h"),
        ("timeout: 0", "0 is no duration"),
        ("timeout: true", "true is no duration"),
        ("retries: many", "'many' is no number of retries; write 0 to 100"),
        ("retrys: 1", "steps.b.retrys: no such key; did you mean retries?"),
        ("resources: {memory: 2 gigs}", "'2 gigs' is no size; write 500MB, 2GB, 2GiB"),
        ("resources: {memory: 1}", "1 is less than any kernel holds"),
        ("resources: {cpus: 0.5}", "0.5 is no number of processors"),
        ("after: chek", "steps.b.after: there is no step 'chek'; did you mean check?"),
        ("after: [check, b]", "steps.b.after.2: b cannot come after itself"),
        ("inputs: {a: 1}", "is no list; write [a, b]"),
        ("inputs: [3]", "3 is no text; write '3' in quotes"),
        ("inputs: ['s3://b/x']", "'s3://b/x' is no file; read it in the notebook and write a file there"),
        ("outputs: ['x/*']", "'x/*' is a pattern; name the files, or the folder they are in"),
        (
            "outputs: [a.ipynb]",
            "'a.ipynb' would overwrite a.ipynb; notebooks that are read are never written to",
        ),
        ("outputs: [.]", "'.' would overwrite a.ipynb"),
        ("outputs: [pipeline.yaml]", "'pipeline.yaml' would overwrite pipeline.yaml"),
        ("outputs: [.mlops/x]", "is in the workspace's own folder"),
        ("outputs: [made]", "'made' holds what check writes; each file has one writer"),
        ("outputs: [made/x.csv]", "'made/x.csv' is written by check as well; each file has one writer"),
        ("{inputs: [y], outputs: [y]}", "'y' is what it writes itself"),
        ("matrix: {month: 3}", "3 is no list of values; write [3, 5]"),
        ("matrix: {month: [3, 3]}", "3 stands in the list twice"),
        ("{matrix: {month: [3]}, parameters: {month: 4}}", "it is in the matrix as well; take out one"),
        (
            "{matrix: {month: [3, 4]}, outputs: [z]}",
            "'z' is written by all of its matrix; put @param(month) in it",
        ),
        ("variables: [A B]", "'A B' is no name of a variable of the environment"),
        ("warm: [1x]", "'1x' is no name of a module"),
        ("warm: true", "write [pandas, sklearn] or false"),
        ("kernel: 3", "3 is no text; write '3' in quotes"),
        ("secrets: {t: 'keyring:me'}", "keyring:me names no user; write keyring:SERVICE/USER"),
        ("inputs: ['@param(mnth).csv']", "@param(mnth) names no parameter; did you mean month?"),
    ],
)
def test_what_is_wrong_in_a_step_is_told_where_it_stands_and_what_to_write(project, step, said):
    project.notebook("n.ipynb", parameters="month = 1\nrate = 0.5\nflag = True")
    body = f"{{notebook: n.ipynb, {step[1:-1] if step.startswith('{') else step}}}"
    told = project.refused(f"steps:\n  check: {{notebook: a.ipynb, outputs: [made/x.csv]}}\n  b: {body}")
    assert "\n" not in told
    assert said in told
    assert told.startswith("pipeline.yaml:3:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "pipeline.yaml:1:1: pipeline.yaml is empty; write 'steps:' and below it 'NAME: NOTEBOOK.ipynb'"),
        (
            "steps:",
            "pipeline.yaml:1:7: steps: there are no steps; write 'NAME: NOTEBOOK.ipynb' below 'steps:'",
        ),
        ("steps: 3", "pipeline.yaml:1:8: steps: 3 is no mapping"),
        ("{name: a b, steps: {a: a.ipynb}}", "pipeline.yaml:1:8: name: 'a b' is no name"),
        (
            "{stages: 1, steps: {a: a.ipynb}}",
            "pipeline.yaml:1:2: stages: no such key; did you mean steps?",
        ),
        ("steps: {1a: a.ipynb}", "pipeline.yaml:1:9: steps.1a: '1a' is no name of a step"),
        (
            "steps: {a: {after: []}}",
            "pipeline.yaml:1:9: steps.a: it has no notebook; write notebook: a.ipynb",
        ),
        (
            "steps: {a: a.py}",
            "pipeline.yaml:1:12: steps.a.notebook: 'a.py' is no notebook; its name ends in .ipynb",
        ),
        ("steps: {a: aa.ipynb}", "no notebook 'aa.ipynb' in "),
        ("steps: {a: .mlops/x/executed.ipynb}", "notebooks below .mlops are what runs left"),
        ("steps: [{notebook: a.ipynb}]", "pipeline.yaml:1:9: steps.1: a step of a list needs a name"),
        (
            "steps: [{name: a, notebook: a.ipynb}, {name: a, notebook: b.ipynb}]",
            "a step called 'a' is there already",
        ),
        (
            "{parameters: {m: '@param(x)'}, steps: {a: a.ipynb}}",
            "cannot name another; only @date(…) is filled here",
        ),
        ("{mlflow: off, steps: {a: a.ipynb}}", "'off' is neither true nor false"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(project, text, said):
    assert said in project.refused(text)


def test_line_and_column_are_those_of_the_value_or_of_the_key_that_is_wrong(project):
    told = project.refused(
        "steps:\n  a:\n    notebook: a.ipynb\n    timeout: 5 parsecs\n    retrys: 1"
    ).splitlines()
    assert [line.strip().split(": ")[0] for line in told[1:]] == ["pipeline.yaml:4:14", "pipeline.yaml:5:5"]


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file(project):
    told = project.refused(
        """
        nmae: x
        steps:
          a: {notebook: a.ipynb, retries: -1}
          b: {notebook: bb.ipynb, after: [d]}
        """,
        depth="3",
    ).splitlines()
    assert told[0] == "5 things are wrong with pipeline.yaml:"
    assert told[1].startswith("  -p depth=3: ")
    assert [line.split(": ")[0].strip() for line in told[2:]] == [
        f"pipeline.yaml:{place}" for place in ("2:1", "4:35", "5:17", "5:35")
    ]


def test_a_cycle_is_told_as_the_way_round(project):
    told = project.refused(
        """
        steps:
          ingest: c.ipynb
          train: {notebook: a.ipynb, after: [ingest], inputs: [x], outputs: [y]}
          check: {notebook: b.ipynb, inputs: [y], outputs: [x]}
        """
    )
    assert told == "pipeline.yaml:4:3: steps.train: the steps go in a circle: train -> check -> train"


def test_a_secret_written_out_is_refused_and_not_repeated(project):
    told = project.refused("steps: {a: {notebook: a.ipynb, secrets: {token: hunter2, key: [hunter3]}}}")
    assert "hunter" not in told
    assert "a secret itself is never written here; write env:NAME" in told


def test_secrets_are_references_and_files_of_them_absolute(project):
    step = project.read("steps: {a: {notebook: a.ipynb, secrets: {t: 'env:T', f: 'file:keys/k'}}}").step("a")
    assert step.secrets == {"t": "env:T", "f": f"file:{project.folder}/keys/k"}


def test_defaults_stand_under_each_step(project):
    pipeline = project.read(
        """
        defaults: {retries: 1, timeout: 10m, resources: {memory: 2GB}, warm: [json], variables: [A]}
        steps:
          a: a.ipynb
          b: {notebook: b.ipynb, retries: 0, resources: {cpus: 2}, warm: false, timeout: }
        """
    )
    a, b = pipeline.steps
    assert (a.retries, a.timeout, a.resources, a.warm) == (1, 600.0, Resources(2_000_000_000, 1), ("json",))
    assert (b.retries, b.timeout, b.resources, b.warm) == (0, None, Resources(2_000_000_000, 2), ())
    assert (a.fresh, b.fresh, b.variables) == (False, True, ("A",))


def test_a_default_that_is_wrong_is_told_once(project):
    told = project.refused("defaults: {timeout: soon}\nsteps: {a: a.ipynb, b: b.ipynb}")
    assert told == "pipeline.yaml:1:21: defaults.timeout: 'soon' is no duration; write 30s, 10m, 2h"


def test_installed_modules_that_the_cells_import_are_warm_and_the_users_own_are_not(project):
    (project.folder / "features.py").write_text("")
    project.notebook(
        "a.ipynb",
        "import os, numpy as np\nimport features",
        "from sklearn.svm import SVC\nif 1:\n import pandas",
    )
    assert project.read("steps: {a: a.ipynb}").step("a").warm == ("numpy", "sklearn.svm")


def test_imports_behind_a_change_of_the_environment_are_not_warm(project):
    project.notebook(
        "a.ipynb", "import numpy\nimport os\nos.environ['OMP_NUM_THREADS'] = '1'\nimport sklearn"
    )
    assert project.read("steps: {a: a.ipynb}").step("a").warm == ("numpy",)


def test_a_notebook_declares_its_step_relative_to_itself_and_the_file_stands_over_it(project):
    words = (
        "--inputs ../raw/x.csv /far/z.csv --outputs y.csv --after b --retries 2 --memory 1GB --secret t=env:T"
    )
    project.notebook("sub/a.ipynb", f"%%mlops step {words}\nimport pandas")
    step = project.read("steps: {a: {notebook: sub/a.ipynb, retries: 1}, b: b.ipynb}").step("a")
    assert (step.inputs, step.outputs, step.needs) == (("raw/x.csv", "/far/z.csv"), ("sub/y.csv",), ("b",))
    assert (step.retries, step.resources.memory, step.secrets) == (1, 1_000_000_000, {"t": "env:T"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--imputs x", "%%mlops step has no option --imputs; did you mean inputs"),
        ("--timeout soon", "timeout: 'soon' is no duration"),
        ("x", "'x' follows no option"),
        ("--inputs 'x", "no closing quotation"),
        ("--outputs", "--outputs needs a value"),
    ],
)
def test_what_a_notebook_declares_wrong_is_told_at_its_step(project, words, said):
    project.notebook("a.ipynb", f"%%mlops step {words}\n1")
    told = project.refused("steps: {a: a.ipynb}")
    assert told.startswith("pipeline.yaml:1:12: steps.a.notebook: a.ipynb declares its step wrong: ")
    assert said in told


def test_inputs_that_are_not_there_and_nobody_makes_are_told_when_it_runs(project):
    pipeline = project.read(
        """
        steps:
          a: {notebook: a.ipynb, inputs: [raw/x.csv, "raw/*.parquet", made.csv, here.csv]}
          b: {notebook: b.ipynb, outputs: [made.csv]}
        """
    )
    (project.folder / "here.csv").touch()
    assert missing_inputs(pipeline) == (("a", "raw/x.csv"), ("a", "raw/*.parquet"))
    assert missing_inputs(pipeline, ("b",)) == ()
    with pytest.raises(PipelineError) as caught:
        check_inputs(pipeline)
    first, second = str(caught.value).splitlines()[1:]
    assert first.startswith(
        "  pipeline.yaml:3:35: steps.a.inputs.1: there is no 'raw/x.csv', and no step has it"
    )
    assert second.startswith(
        "  pipeline.yaml:3:46: steps.a.inputs.2: nothing is at 'raw/*.parquet', and no step"
    )


@pytest.mark.parametrize("text", ["steps: {a: {%s}}", "steps: [{name: a, %s}]"])
def test_an_input_that_is_not_there_is_told_with_the_nearest_that_is(project, text):
    (project.folder / "train.csv").touch()
    pipeline = project.read(text % "notebook: a.ipynb, inputs: trian.csv")
    with pytest.raises(PipelineError) as caught:
        check_inputs(pipeline)
    assert ": steps.a.inputs: there is no 'trian.csv', and no step has it" in str(caught.value)
    assert str(caught.value).endswith("; did you mean train.csv?")
    pipeline.file.unlink()
    with pytest.raises(PipelineError, match=r"pipeline\.yaml:1:1: .*there is no 'trian\.csv'"):
        check_inputs(pipeline)


def test_a_file_that_is_not_there_is_one_line(project):
    with pytest.raises(MlopsError, match=r"none\.yaml cannot be read: no such file"):
        read_pipeline(project.folder / "none.yaml")


def test_two_hundred_steps_come_in_order(project):
    steps = [
        f"  s{at}: {{notebook: a.ipynb, inputs: [d/{at - 1}.csv], outputs: [d/{at}.csv]}}"
        for at in range(200)
    ]
    pipeline = project.read("steps:\n" + "\n".join(reversed(steps)))
    assert [step.name for step in pipeline.steps] == [f"s{at}" for at in range(200)]
    assert pipeline.step("s199").needs == ("s198",)


def test_reading_imports_nothing_heavy(project):
    file = project.write("steps: {a: a.ipynb}")
    code = (
        "import sys, json, pathlib;"
        "from mlops_jupyter.pipelines.definition.reading import read_pipeline;"
        f"read_pipeline(pathlib.Path({str(file)!r}));"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "papermill",
        "mlflow",
        "IPython",
        "nbformat",
        "nbclient",
        "pandas",
        "sqlalchemy",
        "jsonschema",
        "numpy",
    }
    assert not heavy & set(json.loads(done.stdout))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(
        [
            0.5,
            "a",
            "b",
            "a.ipynb",
            "n.ipynb",
            "@param(month)",
            "@date(",
            "env:X",
            "10m",
            "..",
            "",
            "*.csv",
            "[",
            "/x",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "month", "memory", "cpus", "x y", *OF_STEP]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from([*OF_STEP, "name"]), ANYTHING, max_size=5)
STEPS = st.lists(BODIES, max_size=3) | st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.dictionaries(st.sampled_from([*OF_STEP]), ANYTHING, max_size=5)
)
FILES = st.fixed_dictionaries(
    {"steps": STEPS | ANYTHING}, optional={name: ANYTHING for name in OF_PIPELINE if name != "steps"}
)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(data=FILES)
def test_whatever_stands_in_the_file_it_is_read_or_refused_with_places(project, data):
    project.notebook("n.ipynb", "mlops.input('a.x')", parameters="month = 1")
    file = project.write(yaml.safe_dump(data))
    lines = file.read_text().splitlines()
    assert all(told_in(lines, problem) for problem in problems_of(file))


def problems_of(file):
    try:
        steps = read_pipeline(file).steps
    except PipelineError as error:
        return error.problems
    assert all(set(step.needs) <= {before.name for before in steps[:at]} for at, step in enumerate(steps))
    return ()


def told_in(lines, problem):
    return problem.text and 1 <= problem.position.line <= max(len(lines), 1) and problem.position.column >= 1
