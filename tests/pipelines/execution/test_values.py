"""Values and secrets, as a notebook asks for them: by hand as in a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.errors import DataError, NotFoundError, UsageError
from mlops_jupyter.pipelines.execution import values
from mlops_jupyter.pipelines.records.history import begin_run
from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.workspace import open_workspace


@pytest.fixture
def in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the kernel of a step."""
    about = {
        "values": {"train.rows": 3, "train[depth=0.5].auc": 0.7},
        "secrets": {"token": "env:FLIGHTS_TOKEN", "key": f"file:{tmp_path / 'key'}"},
    }
    (tmp_path / "step.json").write_text(json.dumps(about))
    monkeypatch.setenv(values.VARIABLE, str(tmp_path / "step.json"))
    monkeypatch.setenv("FLIGHTS_TOKEN", "hunter2!")
    monkeypatch.setenv("OTHER_TOKEN", "other")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a notebook of a workspace in which a pipeline has run."""
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / ".mlops"))
    monkeypatch.delenv(values.VARIABLE, raising=False)
    monkeypatch.setenv("FLIGHTS_TOKEN", "hunter2!")


@pytest.mark.parametrize(
    ("value", "known"),
    [
        (np.float32(0.5), 0.5),
        (np.arange(2), [0, 1]),
        ({"auc": np.int64(1), "days": {1: None}}, {"auc": 1, "days": {"1": None}}),
        ([float("nan"), float("inf"), 1.0], [None, None, 1.0]),
        (datetime(2013, 1, 2, tzinfo=UTC), "2013-01-02T00:00:00+00:00"),
        (Path("a/b"), "a/b"),
        ({"b", "a"}, ["a", "b"]),
    ],
)
def test_an_output_is_plain_json(value: Any, known: Any):
    assert values.as_json("x", value) == known


def test_in_a_script_an_output_is_printed_and_not_at_length(capsys: pytest.CaptureFixture[str]):
    mlops.output("rows", 3)
    mlops.output("text", "x" * 900)
    assert capsys.readouterr().out == f"rows = 3\ntext = {'x' * 200}…\n"


def test_an_output_that_is_no_json_or_too_large_is_refused_in_one_line():
    with pytest.raises(
        DataError, match=r"output 'f' cannot be object: object is no JSON; give JSON, or write a file"
    ):
        mlops.output("f", object())
    with pytest.raises(DataError, match=r"output 'x' has 1,000,003 bytes of JSON; over 1 MB: write a file"):
        mlops.output("x", "x" * 1_000_001)
    with pytest.raises(UsageError, match="an output needs a name"):
        mlops.output("", 1)


@pytest.mark.usefixtures("in_a_run")
def test_in_a_run_an_input_is_what_a_step_before_gave():
    assert (mlops.input("train.rows"), mlops.input("train[depth=0.5].auc")) == (3, 0.7)
    assert mlops.input("train.columns", default=None) is None
    with pytest.raises(
        NotFoundError, match=r"no step before this one gave 'train.row'; did you mean train.rows"
    ):
        mlops.input("train.row")
    with pytest.raises(UsageError, match="'rows' names no step"):
        mlops.input("rows")
    assert {"train.rows", "train.columns"} <= values.asked


@pytest.mark.usefixtures("by_hand")
def test_by_hand_an_input_is_what_the_step_gave_when_it_last_succeeded():
    assert mlops.input("train.rows", default=5) == 5
    now, workspace = datetime.now(UTC), open_workspace()
    for run, state, rows in (("1", "SUCCEEDED", 7), ("2", "FAILED", 8)):
        step = StepRecord("train[depth=0.5]", state, values={"rows": rows, "auc.test": 0.5})
        record = RunRecord(run, "flights", workspace.root / "pipeline.yaml", state, {}, (step,), now)
        begin_run(Ledger(workspace), record)
    assert mlops.input("train[depth=0.5].rows") == 7
    assert mlops.input("train[depth=0.5].auc.test") == 0.5
    with pytest.raises(
        NotFoundError, match=r"no step of a run here gave 'load.rows'; %mlops pipeline run first"
    ):
        mlops.input("load.rows")


@pytest.mark.usefixtures("in_a_run")
def test_in_a_run_a_secret_is_one_that_the_step_declares(tmp_path: Path):
    (tmp_path / "key").write_text("k\n")
    (tmp_path / "key").chmod(0o600)
    assert (mlops.secret("token"), mlops.secret("env:FLIGHTS_TOKEN")) == ("hunter2!", "hunter2!")
    assert (mlops.secret("key"), mlops.secret("file:key")) == ("k", "k")
    with pytest.raises(
        NotFoundError, match=r"this step declares no secret 'env:OTHER_TOKEN'; secrets: \{NAME"
    ):
        mlops.secret("env:OTHER_TOKEN")
    with pytest.raises(NotFoundError, match=r"no secret 'tokn'; did you mean token\?"):
        mlops.secret("tokn")


@pytest.mark.usefixtures("by_hand")
def test_by_hand_a_secret_is_named_by_where_it_is():
    assert mlops.secret("env:FLIGHTS_TOKEN") == "hunter2!"
    with pytest.raises(NotFoundError, match=r'by hand name its source, mlops.secret\("env:TOKEN"\)'):
        mlops.secret("token")
