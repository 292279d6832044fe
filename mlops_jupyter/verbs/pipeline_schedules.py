"""The verbs of schedules: schedule, schedules, unschedule, next."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs.pipeline_history import ledger
from mlops_jupyter.verbs.pipeline_scheduled import (
    ScheduleList,
    ScheduleReport,
    Unscheduled,
    Upcoming,
)
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.types import Spelled

if TYPE_CHECKING:
    from mlops_jupyter.store.schedules import Schedule
    from mlops_jupyter.verbs.types import Assignments, FilePath, ScheduleName

_AHEAD: Final = 3  # times that are told of a new schedule


@verb(stage="pipeline", group="pipeline", audited=lambda given: not given.get("print_"))
def schedule(
    file: FilePath | None = None,
    *,
    cron: str,
    timezone: str | None = None,
    parameters: Annotated[Assignments | None, Spelled("parameter", "p")] = None,
    missed: Literal["run-once", "skip"] = "run-once",
    hook: str | None = None,
    name: str | None = None,
    print_: Literal["systemd", "cron"] | None = None,
) -> ScheduleReport:
    """Run a pipeline at times of the day, with no notebook open.

    One run at a time: what falls due while one goes on is missed. The agent that runs it is started, and
    goes on when the notebook is closed; after a reboot, whatever needs it next starts it again.

    Parameters
    ----------
    file : FilePath, optional
        The pipeline's file, as for ``run``.
    cron : str
        When: ``0 6 * * 1`` is every Monday at six.
    timezone : str, optional
        Whose clock it is: ``Europe/Berlin``; this machine's when left out.
    parameters : Assignments, optional
        Of the pipeline: ``-p month=2``; ``@date(%Y-%m-%d, -1 day)`` is the day before that of the run.
    missed : {"run-once", "skip"}
        What to do about times at which nothing ran, the machine was off for one: run once, or wait for the
        next.
    hook : str, optional
        A command to run when a run fails; it finds ``MLOPS_PIPELINE``, ``MLOPS_RUN`` and ``MLOPS_STATE`` in
        its environment.
    name : str, optional
        Its name; the pipeline's when left out.
    print_ : {"systemd", "cron"}, optional
        Change nothing, and show what does the same on a machine with a scheduler of its own.

    Returns
    -------
    ScheduleReport
        The schedule, and when it runs next.

    Raises
    ------
    UsageError
        If the times, the zone or the parameters are wrong.

    Examples
    --------
    >>> mlops.pipeline.schedule(cron="0 6 * * 1", timezone="Europe/Berlin")  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.definition.finding import find_pipeline
    from mlops_jupyter.pipelines.scheduling import printed, schedules
    from mlops_jupyter.pipelines.scheduling.starting import ensure_agent

    store = ledger()
    made = schedules.planned(
        find_pipeline(file, Path.cwd()),
        cron,
        timezone=timezone or "",
        parameters=parameters,
        missed=missed,
        hook=hook or "",
        name=name or "",
    )
    if print_:
        return _report(made, printed.printed(made, print_, store.workspace))
    made = schedules.schedule(store, made)
    ensure_agent(store.workspace)
    return _report(made)


def _report(made: Schedule, text: str = "") -> ScheduleReport:
    """Return what is told of a schedule."""
    from mlops_jupyter.pipelines.scheduling.schedules import cron_of
    from mlops_jupyter.pipelines.scheduling.times import in_words, times_after

    when = cron_of(made)
    ahead = (moment.astimezone(when.zone) for moment in times_after(when, made.created))
    return ScheduleReport(made, in_words(when), tuple(islice(ahead, _AHEAD)), text)


@verb(stage="pipeline", group="pipeline")
def schedules() -> ScheduleList:
    """List the schedules: when each ran last and how that ended, and when it runs next.

    Returns
    -------
    ScheduleList
        One row a schedule.

    Examples
    --------
    >>> mlops.pipeline.schedules()  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.scheduling.schedules import schedules as known
    from mlops_jupyter.pipelines.scheduling.starting import revive_agent
    from mlops_jupyter.store.firings import firings

    store = ledger()
    revive_agent(store.workspace)
    found = tuple(known(store))
    last = {each.name: next(iter(firings(store, each.name, limit=1)), None) for each in found}
    return ScheduleList(found, {name: firing for name, firing in last.items() if firing is not None})


@verb(stage="pipeline", group="pipeline", audited=True)
def unschedule(name: ScheduleName) -> Unscheduled:
    """Remove a schedule; its runs stay, and one that goes on goes on.

    Parameters
    ----------
    name : ScheduleName
        Which one.

    Returns
    -------
    Unscheduled
        What is gone.

    Raises
    ------
    NotFoundError
        If there is no such schedule; the message lists the nearest.

    Examples
    --------
    >>> mlops.pipeline.unschedule("delays")  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.scheduling.schedules import unschedule as remove

    return Unscheduled(remove(ledger(), name))


@verb(stage="pipeline", group="pipeline")
def next_(*, limit: int = 10) -> Upcoming:
    """Show what runs next, and when.

    Parameters
    ----------
    limit : int
        How many runs ahead.

    Returns
    -------
    Upcoming
        One row a run, the soonest first.

    Examples
    --------
    >>> mlops.pipeline.next(limit=3)  # doctest: +SKIP
    """
    from mlops_jupyter.pipelines.scheduling.schedules import upcoming
    from mlops_jupyter.pipelines.scheduling.starting import revive_agent
    from mlops_jupyter.store.leases import living_agent

    if limit < 1:
        raise UsageError(f"--limit cannot be {limit}", hint="write 1 or more")
    store = ledger()
    revive_agent(store.workspace)
    return Upcoming(tuple(upcoming(store, limit)), living_agent(store) is not None)
