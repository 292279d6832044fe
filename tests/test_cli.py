"""`mlops` in a shell: answers on stdout, one line on stderr, 1 for a failure and 2 for wrong words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_jupyter import __version__, cli
from mlops_jupyter.errors import DataError, MlopsError, ModelError, NotFoundError, UsageError
from mlops_jupyter.verbs import sources
from mlops_jupyter.verbs.types import Data, Model, Target

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / ".mlops"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli", *arguments],
        capture_output=True, text=True, check=False, env=ENVIRONMENT, **options,
    )  # fmt: skip


def test_help_and_version_answer(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"mlops_jupyter {__version__}\n"
    assert cli.main(["--help"]) == 0
    assert "deploy" in capsys.readouterr().out
    assert cli.main(["deploy", "--help"]) == 0
    assert "--version VERSION" in capsys.readouterr().out


def test_nothing_at_all_is_the_overview(project, capsys):
    assert cli.main([]) == 0
    assert capsys.readouterr().out.startswith("nothing is packaged yet")


def test_a_wrong_word_is_one_line_on_stderr_and_exit_code_2(project):
    done = run("depoly", "churn", cwd=project)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "mlops: there is no verb 'depoly'; did you mean deploy?\n"


def test_a_failure_is_one_line_on_stderr_and_exit_code_1(project, capsys):
    assert cli.main(["show", "chrun"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.replace(f"mlops: made the workspace {project}/.mlops\n", "").splitlines()) == 1


def test_a_result_as_json(project, capsys):
    assert cli.main(["audit", "--limit=3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == []


def test_an_interrupt_leaves_one_line(project, capsys, monkeypatch):
    def interrupted(words, face):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlops_jupyter.verbs.command_line.run", interrupted)
    assert cli.main(["audit"]) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_reader_that_has_seen_enough_is_no_error(project):
    done = subprocess.run(
        f"{sys.executable} -m mlops_jupyter.cli --help | head -1", shell=True, capture_output=True, text=True,
        check=True, cwd=project, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.stderr == ""


FRAME = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "arrow"])
def test_tables_are_read_by_their_suffix(project, suffix):
    write = {"csv": lambda p: FRAME.to_csv(p, index=False), "parquet": FRAME.to_parquet}
    write.get(suffix, FRAME.to_feather)(project / f"train.{suffix}")
    pd.testing.assert_frame_equal(sources.open_source(Data, f"train.{suffix}"), FRAME)


def test_a_target_is_a_file_of_one_column(project):
    FRAME[["a"]].to_csv("y.csv", index=False)
    assert list(sources.open_source(Target, "y.csv")) == [1.5, 2.5]
    FRAME.to_csv("two.csv", index=False)
    with pytest.raises(DataError, match=r"two\.csv has 2 columns"):
        sources.open_source(Target, "two.csv")


def test_a_model_is_an_address_a_skops_file_or_an_attribute_of_a_module(project):
    import skops.io

    model = LogisticRegression().fit(np.eye(2), [0, 1])
    skops.io.dump(model, "model.skops")
    assert isinstance(sources.open_source(Model, "model.skops"), LogisticRegression)
    assert sources.open_source(Model, "models:/churn/3") == "models:/churn/3"
    (project / "made_here.py").write_text("class box: model = 42\n")
    assert sources.open_source(Model, "made_here:box.model") == 42


@pytest.mark.parametrize(
    ("kind", "text", "error", "message"),
    [
        (Model, "model.pkl", UsageError, "is a pickle, which runs code"),
        (Model, "notes.txt", UsageError, "is no model I can open"),
        (Data, "notes.txt", UsageError, "is no table I can read"),
        (Data, "trian.csv", NotFoundError, "there is no file 'trian.csv'; did you mean train.csv?"),
        (Data, "torn.parquet", DataError, "torn.parquet cannot be read as parquet"),
        (Model, "no_such_module:model", NotFoundError, "there is no module 'no_such_module'"),
        (Model, "json:lods", NotFoundError, "has no 'lods'; did you mean loads"),
        (Model, "torn.skops", ModelError, "torn.skops"),
    ],
)
def test_what_cannot_be_opened_is_named(project, kind, text, error, message):
    for name in ("model.pkl", "notes.txt", "train.csv", "torn.parquet", "torn.skops"):
        (project / name).write_text("nothing")
    with pytest.raises(MlopsError) as failure:
        sources.open_source(kind, text)
    assert type(failure.value) is error
    assert message in str(failure.value)
