from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.errors import ConflictError, MlopsError, NotFoundError, UsageError
from mlops_jupyter.pipelines.scheduling.schedules import (
    failing,
    planned,
    schedule,
    schedules,
    unschedule,
    upcoming,
)
from mlops_jupyter.pipelines.scheduling.status import agent_status
from mlops_jupyter.store.firings import Firing, enter
from mlops_jupyter.store.leases import Lease, take_lease, this_host
from mlops_jupyter.store.schedules import find_schedule

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.store.schedules import Schedule

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PIPELINE = """
name: {name}
parameters: {{month: 1, day: "@date(%Y-%m-%d, -1 day)"}}
steps:
  ingest: {{notebook: ingest.ipynb}}
"""
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "ingest.ipynb").write_text(NOTEBOOK)
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.format(name="delays"))
    return tmp_path / "pipeline.yaml"


def make(store: Ledger, file: Path, cron: str = "0 6 * * 1", **facts: Any) -> Schedule:
    return schedule(store, planned(file, cron, **{"timezone": "Europe/Berlin", "now": NOW} | facts))


def test_a_schedule_is_kept_with_all_that_its_runs_need(store: Ledger, file: Path):
    made = make(store, file, parameters={"month": "2"}, missed="skip", hook="./notify.sh now")
    assert schedules(store) == [made]
    assert made.name == "delays"
    assert made.subject == {"pipeline": "delays", "file": str(file), "parameters": {"month": "2"}}
    assert (made.missed, made.hook, made.python) == ("skip", "./notify.sh now", sys.executable)
    assert made.next_due == datetime(2026, 11, 23, 5, tzinfo=UTC)


def test_to_schedule_again_is_to_replace_and_forgets_nothing_that_was_due(store: Ledger, file: Path):
    make(store, file)
    again = make(store, file, parameters={"month": "3"}, now=NOW + timedelta(days=9))
    assert again.next_due == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert [each.subject["parameters"] for each in schedules(store)] == [{"month": "3"}]
    moved = make(store, file, "0 7 * * 1", now=NOW + timedelta(days=9))
    assert moved.next_due == datetime(2026, 12, 7, 6, tzinfo=UTC)


def test_a_pipeline_can_have_several_schedules_by_name(store: Ledger, file: Path):
    make(store, file, "30 6 * * *", name="early")
    make(store, file, "0 6 * * *", name="earlier")
    assert [each.name for each in schedules(store)] == ["earlier", "early"]


def test_the_name_of_another_pipelines_schedule_is_refused(store: Ledger, file: Path, tmp_path: Path):
    make(store, file)
    other = tmp_path / "other.yaml"
    other.write_text(PIPELINE.format(name="delays"))
    with pytest.raises(ConflictError, match=f"it runs {file}"):
        make(store, other)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"cron": "0 25 * * *"}, "bad hour"),
        ({"timezone": "Berlin"}, "did you mean Europe/Berlin"),
        ({"missed": "run-twice"}, "did you mean run-once"),
        ({"hook": "echo 'oh"}, "no closing quotation"),
        ({"hook": "''"}, "write a command"),
        ({"name": "../x"}, "cannot be named"),
        ({"parameters": {"mnth": "2"}}, "did you mean month"),
        ({"parameters": {"month": "two"}}, "month"),
    ],
)
def test_whatever_is_wrong_is_refused_before_anything_is_kept(store: Ledger, file: Path, facts, said):
    with pytest.raises(MlopsError, match=said):
        make(store, file, **facts)
    assert schedules(store) == []


def test_an_unknown_schedule_cannot_be_taken_away_and_the_nearest_is_told(store: Ledger, file: Path):
    with pytest.raises(NotFoundError, match="there are none: %mlops pipeline schedule"):
        unschedule(store, "delays")
    make(store, file)
    with pytest.raises(NotFoundError, match="did you mean delays"):
        unschedule(store, "delay")
    assert unschedule(store, "delays").name == "delays"
    assert schedules(store) == []


def test_what_comes_next_is_told_of_all_schedules_in_their_own_zones(store: Ledger, file: Path):
    make(store, file, "0 6 * * *", name="berlin")
    make(store, file, "30 0 * * *", name="york", timezone="America/New_York")
    ahead = [(each.schedule.name, each.due.isoformat()) for each in upcoming(store, 3, NOW)]
    assert ahead == [
        ("berlin", "2026-11-22T06:00:00+01:00"),
        ("york", "2026-11-22T00:30:00-05:00"),
        ("berlin", "2026-11-23T06:00:00+01:00"),
    ]


def test_what_comes_next_is_in_order_through_a_repeated_hour(store: Ledger, file: Path):
    make(store, file, "*/20 * * * *")
    night = datetime(2026, 10, 24, 23, 50, tzinfo=UTC)
    ahead = [each.due.astimezone(UTC) for each in upcoming(store, 9, night)]
    assert ahead == [night + timedelta(minutes=10 + 20 * number) for number in range(9)]


def ended(store: Ledger, made: Schedule, state: str, hours: int) -> Firing:
    due = NOW + hours * HOUR
    current = find_schedule(store, made.name)
    assert current is not None
    row = Firing(0, made.name, due, state, "no rows", closed=True, ended=due)
    assert enter(store, replace(current, next_due=current.next_due), row, due + HOUR)
    return row


def test_a_schedule_fails_until_it_succeeds_again(store: Ledger, file: Path):
    made = make(store, file, "0 * * * *")
    ended(store, made, "SUCCEEDED", 1)
    assert failing(store) == []
    ended(store, made, "FAILED", 2)
    assert [(each.state, each.reason) for each in failing(store)] == [("FAILED", "no rows")]
    ended(store, made, "SUCCEEDED", 3)
    assert failing(store) == []


def test_the_agents_status_tells_what_was_and_what_comes(store: Ledger, file: Path):
    empty = agent_status(store, now=NOW)
    assert (empty.lease, empty.living, empty.is_needed) == (None, False, False)
    made = make(store, file, "0 * * * *")
    assert agent_status(store, now=NOW).is_needed
    ended(store, made, "FAILED", 1)
    take_lease(store, Lease(this_host(), os.getpid(), sys.argv[0], 0.0, NOW, NOW, "0.1.0"))
    take_lease(store, Lease("elsewhere", 1, "theirs", 0.0, NOW, NOW, "0.1.0"))
    status = agent_status(store, 2, NOW + HOUR)
    assert [each.state for each in status.last] == ["FAILED"]
    assert [each.due for each in status.next] == [NOW + 2 * HOUR, NOW + 3 * HOUR]
    assert (status.elsewhere, len(status.failing)) == ((), 1)
    assert [each.host for each in agent_status(store, now=NOW).elsewhere] == ["elsewhere"]


def test_a_name_is_told_what_it_may_hold(store: Ledger, file: Path):
    with pytest.raises(UsageError, match="use letters, digits") as refused:
        make(store, file, name="a b")
    assert "--name nightly" in str(refused.value)
