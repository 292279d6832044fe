"""Pipelines that run by themselves: making, finding and ending their schedules, and what they did."""

from __future__ import annotations

import heapq
import re
import shlex
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError, did_you_mean
from mlops_jupyter.store.firings import Firing, firings
from mlops_jupyter.store.schedules import (
    Schedule,
    all_schedules,
    find_schedule,
    remove_schedule,
    save_schedule,
)

from .times import Cron, read_cron, times_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.schedules import Missed

PIPELINE: Final = "pipeline"
POLICIES: Final[tuple[Missed, ...]] = ("run-once", "skip")
LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class Upcoming:
    """A time that lies ahead.

    Parameters
    ----------
    schedule : Schedule
        Whose.
    due : datetime
        When, in the schedule's own zone.
    """

    schedule: Schedule
    due: datetime


def planned(
    file: Path,
    cron: str,
    *,
    timezone: str = "",
    parameters: Mapping[str, Any] | None = None,
    missed: str = "run-once",
    hook: str = "",
    name: str = "",
    now: datetime | None = None,
) -> Schedule:
    """Return a schedule that is not made yet: to be saved, or to be printed for systemd or cron.

    Parameters
    ----------
    file : Path
        The pipeline's.
    cron : str
        When: minute, hour, day of the month, month, day of the week.
    timezone : str
        By the clock of which place; the machine's own when empty.
    parameters : mapping, optional
        Of the pipeline, as given; templates such as ``@date(%Y-%m-%d, -1 day)`` are filled when it is due.
    missed : str
        ``run-once`` makes up for what was missed by one run, ``skip`` does not.
    hook : str
        A command to call, without a shell, when a run did not succeed.
    name : str
        The pipeline's own when empty.
    now : datetime, optional
        The present.

    Raises
    ------
    UsageError
        When anything of it is wrong, the pipeline's file included.
    """
    moment, when = now or datetime.now(UTC), read_cron(cron, timezone)
    first = next(times_after(when, moment))
    pipeline = pipeline_name(file, parameters or {}, first.astimezone(when.zone))
    return Schedule(
        name=checked_name(name or pipeline),
        kind=PIPELINE,
        subject={"pipeline": pipeline, "file": str(file.resolve()), "parameters": dict(parameters or {})},
        cron=when.expression,
        timezone=when.timezone,
        missed=checked_policy(missed),
        hook=checked_hook(hook),
        python=sys.executable,
        created=moment,
        next_due=first,
    )


def schedule(store: Kept, made: Schedule) -> Schedule:
    """Let a pipeline run by itself, in place of the schedule of this name and file: it is safe to repeat.

    Parameters
    ----------
    store : Store or Ledger
        The workspace's.
    made : Schedule
        As `planned` returns it.

    Raises
    ------
    ConflictError
        When another pipeline's schedule has that name.
    """
    before = find_schedule(store, made.name)
    refuse_namesake(before, made)
    if before and cron_of(before) == cron_of(made):
        # what came due and was not decided about yet is not forgotten
        made = replace(made, next_due=before.next_due)
    save_schedule(store, made)
    return made


def schedules(store: Kept) -> list[Schedule]:
    """Return every schedule, the next to come first."""
    return all_schedules(store)


def unschedule(store: Kept, name: str, now: datetime | None = None) -> Schedule:
    """Take a schedule away, and return it; a run that goes on is not stopped.

    Raises
    ------
    NotFoundError
        When there is none of that name; the message lists the nearest.
    """
    found = find_schedule(store, name)
    if found is None or not remove_schedule(store, name, now or datetime.now(UTC)):
        known = [each.name for each in all_schedules(store)]
        hint = (
            did_you_mean(name, known)
            or "there are none: %mlops pipeline schedule --cron '0 6 * * 1' makes one"
        )
        raise NotFoundError(f"no schedule named {name!r}", hint=hint)
    return found


def upcoming(store: Kept, count: int = 5, now: datetime | None = None) -> list[Upcoming]:
    """Return the times that lie ahead, of all schedules together, the next first."""
    moment = now or datetime.now(UTC)
    several = (_ahead(each, moment) for each in all_schedules(store))
    ahead = heapq.merge(*several, key=lambda each: each.due.astimezone(UTC))
    return list(islice(ahead, count))


def last_firings(store: Kept, count: int = 10) -> list[Firing]:
    """Return what schedules did last, the newest first."""
    return firings(store, limit=count)


def failing(store: Kept) -> list[Firing]:
    """Return, of each schedule whose last finished run did not succeed, that one, the newest first."""
    last = [_last_ended(store, each.name) for each in all_schedules(store)]
    bad = [each for each in last if each and each.state in ("FAILED", "STOPPED", "MISSED")]
    return sorted(bad, key=lambda each: each.due, reverse=True)


def cron_of(schedule: Schedule) -> Cron:
    """Return when a schedule is due."""
    return Cron(schedule.cron, schedule.timezone)


def pipeline_name(file: Path, parameters: Mapping[str, Any], moment: datetime) -> str:
    """Read a pipeline as it would be when it is due, and return its name."""
    from mlops_jupyter.pipelines.definition.reading import read_pipeline

    return read_pipeline(file, parameters, moment).name


def checked_name(name: str) -> str:
    """Return a name that files, units and commands can bear, or say what is wrong with it."""
    if not re.fullmatch(r"\w[\w.-]*", name) or len(name) > LONGEST_NAME:
        hint = f"use letters, digits, '_', '-' and '.', not more than {LONGEST_NAME}: --name nightly"
        raise UsageError(f"a schedule cannot be named {name!r}", hint=hint)
    return name


def checked_policy(missed: str) -> Missed:
    """Return what becomes of missed times, or say what there is to choose from."""
    for policy in POLICIES:
        if policy == missed:
            return policy
    raise UsageError(f"--missed cannot be {missed!r}", hint=did_you_mean(missed, POLICIES))


def checked_hook(hook: str) -> str:
    """Return a command that can be taken apart into words, or say why it cannot.

    Examples
    --------
    >>> checked_hook("notify-send 'a pipeline failed'")
    "notify-send 'a pipeline failed'"
    """
    try:
        words = shlex.split(hook)
    except ValueError as failure:
        raise UsageError(f"--hook cannot be {hook!r}", str(failure).lower()) from failure
    if hook and not (words and words[0]):
        raise UsageError(f"--hook cannot be {hook!r}", hint="write a command: --hook './notify.sh'")
    return hook


def refuse_namesake(found: Schedule | None, made: Schedule) -> None:
    """Refuse to replace a schedule of another pipeline."""
    if found and (found.kind, found.subject.get("file")) != (made.kind, made.subject["file"]):
        raise ConflictError(
            f"there is a schedule named {made.name!r}",
            f"it runs {found.subject.get('file', found.kind)}",
            "give this one another name: --name",
        )


def _ahead(schedule: Schedule, moment: datetime) -> Iterator[Upcoming]:
    cron = cron_of(schedule)
    for due in times_after(cron, moment):
        yield Upcoming(schedule, due.astimezone(cron.zone))


def _last_ended(store: Kept, name: str) -> Firing | None:
    return next((each for each in firings(store, name) if each.ended), None)
