"""What was run: written while it runs, so that the record is right whoever dies, and read ever after.

Functions take an open store, or a `Ledger` of the workspace where nothing else needs the store open.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import ConflictError, NotFoundError, did_you_mean
from mlops_jupyter.pipelines.records.encoding import run_of, step_of, text_of
from mlops_jupyter.store.direct import reading, writing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord, RunState, StepRecord
    from mlops_jupyter.store.direct import Kept

# states of a step that began to run: what it wrote may be half of it
ATTEMPTED = frozenset({"RUNNING", "SUCCEEDED", "FAILED", "STOPPED"})
# what does not run in the user's own files says nothing of them
APART = "verify"
RUN_COLUMNS = ("id", "pipeline", "file", "state", "cause", "started", "ended", "mlflow_run")
IN_COLUMNS = frozenset({*RUN_COLUMNS, "steps"})
# of a skipped step the store holds no more than where its result is
OF_RESULT = frozenset({"fingerprint", "outputs", "values", "executed", "failure", "reads", "mark"})


def begin_run(store: Kept, record: RunRecord) -> None:
    """Write a run and its steps down, before anything of it begins."""
    with writing(store) as connection:
        refuse_other_file(connection, record.pipeline, record.file)
        facts = {
            **{name: getattr(record, name) for name in RUN_COLUMNS},
            "file": str(record.file),
            "started": record.started.isoformat(),
            "ended": record.ended.isoformat() if record.ended else None,
            "record": text_of(record, IN_COLUMNS),
        }
        connection.execute(insertion("pipeline_runs", facts), facts)
        for position, step in enumerate(record.steps):
            write_step(connection, record.id, step, position)


def save_step(store: Kept, run: str, step: StepRecord) -> None:
    """Write down how a step stands; `RUNNING` before its kernel starts, for it may not come to the end."""
    with writing(store) as connection:
        write_step(connection, run, step)


def end_run(store: Kept, run: str, state: RunState, ended: datetime | None = None) -> RunRecord:
    """Write down how a run ended: of its steps, what still runs is stopped, and what waits is not run."""
    at = ended or datetime.now(UTC)
    with writing(store) as connection:
        for step in steps_of(connection, run):
            if step.state in ("RUNNING", "WAITING"):
                write_step(connection, run, broken_off(step, at))
        connection.execute(
            "UPDATE pipeline_runs SET state = ?, ended = ? WHERE id = ?", (state, at.isoformat(), run)
        )
        return one(connection, run)


def broken_off(step: StepRecord, at: datetime) -> StepRecord:
    """Return a step as it stands when its run is over and it is not."""
    from dataclasses import replace

    if step.state == "RUNNING":
        return replace(step, state="STOPPED", ended=at)
    return replace(step, state="NOT RUN")


def note_mirrored(store: Kept, run: str, mlflow_run: str) -> None:
    """Write down which run of MLflow shows this one; any word for one that none is to show."""
    with writing(store) as connection:
        connection.execute("UPDATE pipeline_runs SET mlflow_run = ? WHERE id = ?", (mlflow_run, run))


def unmirrored(store: Kept) -> list[RunRecord]:
    """Return the runs that are over and that no run of MLflow shows yet, from old to new."""
    with reading(store) as connection:
        return select(connection, "mlflow_run = '' AND state != 'RUNNING' ORDER BY number")


def open_runs(store: Kept, pipeline: str | None = None) -> list[RunRecord]:
    """Return the runs that are said to go on; whether they do, their owners show."""
    with reading(store) as connection:
        return select(
            connection, "state = 'RUNNING' AND coalesce(:name, pipeline) = pipeline ORDER BY number", pipeline
        )


def runs(store: Kept, pipeline: str | None = None, limit: int | None = 20) -> list[RunRecord]:
    """Return the last runs, of one pipeline or of all, from new to old."""
    last = f"coalesce(:name, pipeline) = pipeline ORDER BY number DESC LIMIT {-1 if limit is None else limit}"
    with reading(store) as connection:
        return select(connection, last, pipeline)


def run_record(store: Kept, which: str = "last", pipeline: str | None = None) -> RunRecord:
    """Return one run.

    Parameters
    ----------
    store : Store or Ledger
        The workspace's.
    which : str
        ``last``, an id, how one begins, or the mark at its end.
    pipeline : str, optional
        The pipeline whose last it is.

    Raises
    ------
    NotFoundError
        When there is none, or more than one, with their ids.
    """
    with reading(store) as connection:
        known = [
            row["id"]
            for row in connection.execute(
                "SELECT id FROM pipeline_runs WHERE coalesce(?, pipeline) = pipeline ORDER BY number",
                (pipeline,),
            )
        ]
        return one(connection, named(which, known, pipeline))


def named(which: str, known: list[str], pipeline: str | None) -> str:
    """Return the one id that is meant."""
    if not known:
        of = f" of {pipeline}" if pipeline else ""
        raise NotFoundError(f"no run{of} is known here", hint="%mlops pipeline run makes the first")
    if which == "last":
        return known[-1]
    if which in known:
        return which
    meant = [each for each in known if each.startswith(which) or each.endswith(f"-{which}")]
    if len(meant) > 1:
        raise NotFoundError(f"{which!r} begins {len(meant)} runs", hint=did_you_mean(which, meant))
    if not meant:
        raise NotFoundError(f"no run {which!r}", hint=did_you_mean(which, known[-8:]))
    return meant[0]


def last_good(store: Kept, pipeline: str | None, step: str) -> StepRecord | None:
    """Return the newest result of a step that succeeded; of any pipeline when that is None."""
    with reading(store) as connection:
        return good(connection, pipeline, step)


def good(connection: sqlite3.Connection, pipeline: str | None, step: str) -> StepRecord | None:
    """Return the newest result of a step that succeeded."""
    where = "name = :step AND state = 'SUCCEEDED' AND coalesce(:pipeline, pipeline) = pipeline"
    return newest(connection, where, {"step": step, "pipeline": pipeline})


def last_attempt(connection: sqlite3.Connection, pipeline: str, step: str) -> StepRecord | None:
    """Return the last time that a step began to run, however it ended."""
    where = "pipeline = :pipeline AND name = :step"
    return newest(connection, where, {"step": step, "pipeline": pipeline})


def newest(connection: sqlite3.Connection, where: str, values: Mapping[str, Any]) -> StepRecord | None:
    """Return the newest of the attempts; `from_run` says which run it was."""
    row = connection.execute(
        f"SELECT run, name, state, record FROM pipeline_steps WHERE attempt IS NOT NULL AND {where} "
        "ORDER BY attempt DESC LIMIT 1",
        values,
    ).fetchone()
    return step_of(json.loads(row["record"]) | whose(row) | {"from_run": row["run"]}) if row else None


def refuse_other_file(connection: sqlite3.Connection, pipeline: str, file: Path) -> None:
    """Refuse a second pipeline of the same name, unless the first is gone.

    Raises
    ------
    ConflictError
        Results of one would be taken for those of the other.
    """
    row = connection.execute(
        "SELECT file FROM pipeline_runs WHERE pipeline = ? ORDER BY number DESC LIMIT 1", (pipeline,)
    ).fetchone()
    if row and row["file"] != str(file) and type(file)(row["file"]).exists():
        raise ConflictError(
            f"{file} and {row['file']} are both named {pipeline}",
            "results of one would be taken for those of the other",
            "give one of them another `name:`",
        )


def write_step(
    connection: sqlite3.Connection, run: str, step: StepRecord, position: int | None = None
) -> None:
    """Write one step of a run, in the place of what was written before."""
    slim = OF_RESULT if step.state == "SKIPPED" and step.from_run else frozenset()
    facts = {
        "run": run,
        "name": step.name,
        "state": step.state,
        "attempted": step.state in ATTEMPTED,
        "record": text_of(step, slim | {"name", "state"}),
        "position": position,
        "apart": APART,
    }
    connection.execute(
        "INSERT INTO pipeline_steps (run, name, position, pipeline, state, attempt, record) "
        "SELECT id, :name, coalesce(:position, 1000000), pipeline, :state, "
        "CASE WHEN :attempted AND cause != :apart THEN number END, :record "
        "FROM pipeline_runs WHERE id = :run "
        "ON CONFLICT (run, name) DO UPDATE SET state = excluded.state, record = excluded.record, "
        "attempt = coalesce(excluded.attempt, attempt)",
        facts,
    )


def select(connection: sqlite3.Connection, where: str, name: str | None = None) -> list[RunRecord]:
    """Return the runs of a condition, each with its steps."""
    rows = connection.execute(
        f"SELECT * FROM pipeline_runs WHERE {where}", {"name": name} if ":" in where else {}
    )
    return [
        run_of(json.loads(row["record"]) | dict(row) | {"steps": steps_of(connection, row["id"])})
        for row in rows.fetchall()
    ]


def one(connection: sqlite3.Connection, run: str) -> RunRecord:
    """Return a run by its full id."""
    row = connection.execute("SELECT * FROM pipeline_runs WHERE id = ?", (run,)).fetchone()
    return run_of(json.loads(row["record"]) | dict(row) | {"steps": steps_of(connection, run)})


def steps_of(connection: sqlite3.Connection, run: str) -> list[StepRecord]:
    """Return the steps of a run; a skipped one with the result that it stands on."""
    rows = connection.execute(
        "SELECT name, state, record FROM pipeline_steps WHERE run = ? ORDER BY position, name", (run,)
    ).fetchall()
    return [step_of(result_of(connection, row) | json.loads(row["record"]) | whose(row)) for row in rows]


def result_of(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    """Return the result that a skipped step stands on, as facts."""
    if row["state"] != "SKIPPED":
        return {}
    found = connection.execute(
        "SELECT record FROM pipeline_steps WHERE run = ? AND name = ?",
        (json.loads(row["record"]).get("from_run"), row["name"]),
    ).fetchone()
    facts = json.loads(found["record"]) if found else {}
    return {name: facts[name] for name in OF_RESULT - {"failure"} if name in facts}


def whose(row: sqlite3.Row) -> dict[str, Any]:
    """Return the facts of a step's record that are columns."""
    return {"name": row["name"], "state": row["state"]}


def insertion(table: str, facts: Iterable[str]) -> str:
    """Return the statement that inserts facts by their names."""
    names = list(facts)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
