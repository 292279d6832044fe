"""Records of runs made by hand, for what draws and tells of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord

NOW = datetime(2026, 11, 21, 14, 15, tzinfo=UTC)
FAILURE = Failure("error", "ValueError: no rows in 2013-02", 4, "fit(rows)", "Traceback …\nValueError")
NEEDS = {
    "ingest": (),
    "check": ("ingest",),
    "features": ("ingest",),
    "train": ("features",),
    "evaluate": ("train", "check"),
}


def step(name, state="WAITING", seconds=None, cells=(0, 0), **more):
    """Return a step that took, or has taken until `NOW`, so many seconds."""
    started = NOW - timedelta(seconds=seconds) if seconds is not None else None
    ended = NOW if started and state != "RUNNING" else None
    tries = 1 if started else 0
    return StepRecord(name, state, started=started, ended=ended, cells=cells, **{"attempts": tries} | more)


def run(steps, needs=NEEDS, state="SUCCEEDED", **more):
    """Return a run of these steps that began 75 s before `NOW`."""
    ended = None if state == "RUNNING" else NOW
    file = Path("/project/pipeline.yaml")
    record = RunRecord(
        "20261121T141345Z-3f2a", "delays", file, state, {"month": 2}, tuple(steps),
        NOW - timedelta(seconds=75), ended, needs=needs,
    )  # fmt: skip
    return RunRecord(**{**vars(record), **more})


def succeeded():
    """Return a run in which every step ran, but the first."""
    ran = [step(name, "SUCCEEDED", 2.5, (3, 3), reason="code changed") for name in list(NEEDS)[1:]]
    return run([step("ingest", "SKIPPED", from_run="20261120T060000Z-aaaa"), *ran])


def running():
    """Return a run with a step in each state that one which goes on has."""
    return run(
        [
            step("ingest", "SKIPPED"),
            step("check", "SUCCEEDED", 2.3, (5, 5)),
            step("features", "SUCCEEDED", 4.2, (7, 7)),
            step("train", "RUNNING", 12, (3, 8), reason="parameter month changed from 1 to 2"),
            step("evaluate"),
        ],
        state="RUNNING",
    )


def failed():
    """Return a run that broke in one step."""
    return run(
        [
            step("ingest", "SKIPPED"),
            step("check", "SUCCEEDED", 2.3, (5, 5)),
            step("features", "STOPPED", 4.2, (1, 7)),
            step("train", "FAILED", 12, (3, 8), failure=FAILURE, executed=Path("/project/runs/e.ipynb")),
            step("evaluate", "NOT RUN"),
        ],
        state="FAILED",
    )


def matrix(variants):
    """Return a run with a step of so many variants between two others."""
    trained = [f"train[depth={depth}]" for depth in range(variants)]
    needs = {"features": (), **dict.fromkeys(trained, ("features",)), "evaluate": tuple(trained)}
    return run([step(name, "SUCCEEDED", 1.0, (2, 2)) for name in needs], needs)


def many(layers=9, across=24):
    """Return a run of very many steps, of which one failed."""
    names = [[f"step_{layer}_{i}" for i in range(across)] for layer in range(layers)]
    needs = {
        name: (names[k - 1][i],) if k else () for k, row in enumerate(names) for i, name in enumerate(row)
    }
    steps = [step(name, "SUCCEEDED", 1.0 + i / 100, (2, 2)) for i, name in enumerate(needs)]
    steps[50] = step(steps[50].name, "FAILED", 3, (1, 2), failure=FAILURE)
    return run(steps, needs, "FAILED")
