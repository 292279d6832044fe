"""A store of its own for each test, schedules in it, and agents that are ended after it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.pipelines.scheduling.times import Cron, times_after
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.schedules import Schedule, save_schedule
from mlops_jupyter.store.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., Schedule]

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "ws"))
    return Ledger(open_workspace())


@pytest.fixture
def make(store: Ledger, tmp_path: Path) -> Make:
    """Write a schedule of a pipeline's file that nobody has read."""

    def make(name: str = "nightly", cron: str = "0 * * * *", now: datetime = NOON, **facts: Any) -> Schedule:
        subject = {"pipeline": name, "file": str(tmp_path / "pipeline.yaml"), "parameters": {}}
        zone = facts.get("timezone", "UTC")
        made = Schedule(
            name=name, kind="pipeline", subject=subject, cron=cron, timezone=zone,
            missed=facts.get("missed", "run-once"), hook=facts.get("hook", ""),
            python=facts.get("python", sys.executable), created=now,
            next_due=next(times_after(Cron(cron, zone), now)),
        )  # fmt: skip
        save_schedule(store, made)
        return made

    return make
