"""Notebooks as steps of a pipeline: ``mlops.pipeline.run()`` is ``%mlops pipeline run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_jupyter.verbs.pipeline_history import clean, diff, logs, runs, show
    from mlops_jupyter.verbs.pipeline_running import init, run, verify
    from mlops_jupyter.verbs.pipeline_schedules import next_ as next  # noqa: A004 as the verb is named
    from mlops_jupyter.verbs.pipeline_schedules import schedule, schedules, unschedule

__all__ = [
    "clean",
    "diff",
    "init",
    "logs",
    "next",
    "run",
    "runs",
    "schedule",
    "schedules",
    "show",
    "unschedule",
    "verify",
]


def __getattr__(name: str) -> Any:
    from mlops_jupyter.verbs import table

    if f"pipeline {name}" in table.MODULES:
        return table.load(f"pipeline {name}")
    raise AttributeError(f"mlops.pipeline has no verb {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
