"""Removing old runs: their executed notebooks and their records, but nothing that a result stands on.

Files go before rows: a full disk may have no room for a row's end, and this is what makes room.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.records.places import pipeline_folder, pipelines_folder
from mlops_jupyter.store.direct import reading, writing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.workspace import Workspace

KEPT = 20
# a folder is made before its run's record: one that has none for so long never will
ORPHANED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Cleaned:
    """What was removed.

    Parameters
    ----------
    runs : tuple of str
        The runs, from old to new.
    bytes : int
        What their files took up.
    standing : tuple of str
        Runs that are old enough, but steps stand on their results.
    """

    runs: tuple[str, ...]
    bytes: int
    standing: tuple[str, ...]


def clean(
    store: Kept,
    keep: int = KEPT,
    older: timedelta | None = None,
    pipeline: str | None = None,
) -> Cleaned:
    """Remove old runs.

    A run stays while the newest result of a step is from it, and while it goes on. What verifications kept
    goes as well.

    Parameters
    ----------
    store : Store or Ledger
        The workspace's.
    keep : int
        How many of the last runs of each pipeline stay.
    older : timedelta, optional
        Only runs that ended so long ago are removed.
    pipeline : str, optional
        Only runs of this one are removed.
    """
    until = datetime.now(UTC) - (older or timedelta())
    with reading(store) as connection:
        old = outdated(connection, keep, until, pipeline)
        needed = stood_on(connection, keep)
    gone = [run for run in old if run not in needed]
    folders = [folder for run in gone for folder in folders_of(store.workspace, run)]
    folders += [*orphans(store), *verified(store.workspace, pipeline, older)]
    freed = sum(map(remove, folders))
    with writing(store) as connection:
        connection.executemany("DELETE FROM pipeline_runs WHERE id = ?", [(run,) for run in gone])
        forget_digests(connection)
        forget_environments(connection)
    return Cleaned(tuple(gone), freed, tuple(run for run in old if run in needed))


def outdated(connection: sqlite3.Connection, keep: int, until: datetime, pipeline: str | None) -> list[str]:
    """Return the runs that are old enough to go."""
    rows = connection.execute(
        "SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY pipeline ORDER BY number DESC) AS place "
        "FROM pipeline_runs) WHERE place > ? AND state != 'RUNNING' AND ended <= ? "
        "AND coalesce(?, pipeline) = pipeline ORDER BY number",
        (keep, until.isoformat(), pipeline),
    )
    return [row["id"] for row in rows]


def stood_on(connection: sqlite3.Connection, keep: int) -> set[str]:
    """Return the runs that results are of: what skipped steps of the last runs stand on, what the next may.

    Of a step that its pipeline has no more, no result is needed.
    """
    rows = connection.execute(
        "WITH placed AS (SELECT id, row_number() OVER (PARTITION BY pipeline ORDER BY number DESC) AS place "
        "FROM pipeline_runs), "
        "lately AS (SELECT pipeline_steps.* FROM pipeline_steps JOIN placed ON run = id "
        "WHERE place <= max(1, ?)), "
        "attempts AS (SELECT * FROM pipeline_steps WHERE attempt IS NOT NULL "
        "AND (pipeline, name) IN (SELECT pipeline, name FROM lately)) "
        "SELECT run, max(attempt) FROM attempts GROUP BY pipeline, name "
        "UNION ALL SELECT run, max(attempt) FROM attempts WHERE state = 'SUCCEEDED' GROUP BY pipeline, name "
        "UNION ALL SELECT json_extract(record, '$.from_run'), 0 FROM lately WHERE state = 'SKIPPED'",
        (keep,),
    )
    return {row["run"] for row in rows}


def folders_of(workspace: Workspace, run: str) -> list[Path]:
    """Return the folders of a run."""
    return [folder for folder in run_folders(workspace) if folder.name == run]


def run_folders(workspace: Workspace) -> Iterator[Path]:
    """Yield the folder of every run."""
    yield from pipelines_folder(workspace).glob("*/runs/*")


def verified(workspace: Workspace, pipeline: str | None, older: timedelta | None) -> list[Path]:
    """Return what verifications have left to be looked at, as far as it is old enough."""
    before = time.time() - (older or timedelta()).total_seconds()
    found = pipelines_folder(workspace).glob("*/verified")
    of = None if pipeline is None else pipeline_folder(workspace, pipeline)
    wanted = [folder for folder in found if of in (None, folder.parent)]
    return [folder for folder in wanted if folder.stat().st_mtime < before]


def orphans(store: Kept) -> list[Path]:
    """Return the folders of runs that have no record."""
    folders = list(run_folders(store.workspace))
    with reading(store) as connection:
        known = {row["id"] for row in connection.execute("SELECT id FROM pipeline_runs")}
    return [folder for folder in folders if folder.name not in known and is_old(folder)]


def is_old(folder: Path) -> bool:
    """Whether nobody can be about to write the record of a folder."""
    return time.time() - folder.stat().st_mtime > ORPHANED_SECONDS


def remove(folder: Path) -> int:
    """Remove a folder, and return how many bytes that freed."""
    freed = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
    shutil.rmtree(folder, ignore_errors=True)
    return 0 if folder.exists() else freed


def forget_digests(connection: sqlite3.Connection) -> None:
    """Forget the digests of files that are gone."""
    paths = [row["path"] for row in connection.execute("SELECT DISTINCT path FROM file_digests")]
    gone = [(path,) for path in paths if not os.path.lexists(path)]
    connection.executemany("DELETE FROM file_digests WHERE path = ?", gone)


def forget_environments(connection: sqlite3.Connection) -> None:
    """Forget what was installed when no result is left that it is part of."""
    connection.execute(
        "DELETE FROM pipeline_environments WHERE digest NOT IN (SELECT coalesce(json_extract(record, "
        "'$.fingerprint.environment'), '') FROM pipeline_steps)"
    )
