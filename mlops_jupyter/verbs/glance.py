"""The overview of a workspace, from the mirror and by probing what runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.probing import EndpointGlance, endpoints
from mlops_jupyter.verbs.tidiness import Attention, ModelGlance, Overview

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_jupyter.pipelines.records.run import RunRecord
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.versions import VersionRecord

_LITTLE_SPACE: Final = 1_000_000_000
_RUNS: Final = 50  # runs among which the last of each pipeline is looked for
_UNFINISHED: Final = ("registering", "incomplete")


def glance(store: Store) -> Overview:
    """Return the overview; the mirror is refreshed behind it."""
    from mlops_jupyter.registry import refresh_in_background
    from mlops_jupyter.store.versions import list_models, list_versions
    from mlops_jupyter.verbs.space import size_of

    models = tuple(_model(name, list_versions(store, name)) for name in list_models(store))
    deployed = endpoints(store)
    unfinished = [record for record in list_versions(store) if record.state in _UNFINISHED]
    root = store.workspace.root
    ran = _last_runs(store)
    wanted = [
        *_attention(models, deployed, unfinished, shutil.disk_usage(root).free),
        *_of_schedules(store),
        *_of_runs(ran),
    ]
    refresh_in_background(store.workspace)
    return Overview(
        str(root),
        models,
        deployed,
        tuple(wanted),
        size_of(root),
        shutil.disk_usage(root).free,
        ran,
    )


def _last_runs(store: Store) -> tuple[RunRecord, ...]:
    """Return the last run of each pipeline, the newest first."""
    from mlops_jupyter.pipelines.records.history import runs

    last: dict[str, RunRecord] = {}
    for record in runs(store, limit=_RUNS):
        last.setdefault(record.pipeline, record)
    return tuple(last.values())


def _of_schedules(store: Store) -> Iterator[Attention]:
    """Yield what did not go well while no notebook was open."""
    from mlops_jupyter.pipelines.scheduling.starting import revive_agent
    from mlops_jupyter.pipelines.scheduling.status import agent_status

    revive_agent(store.workspace)
    status = agent_status(store, 1)
    for firing in status.failing:
        why = f": {firing.reason}" if firing.reason else ""
        see = f"mlops pipeline show {firing.result}" if firing.result else "mlops agent"
        yield Attention(f"schedule {firing.schedule} {firing.state.lower()}{why}", see)
    if status.is_needed:
        yield Attention("pipelines are scheduled and no agent runs", "mlops agent start")


def _of_runs(ran: Sequence[RunRecord]) -> Iterator[Attention]:
    """Yield the pipelines whose last run failed by hand; of what a schedule began, the schedule tells."""
    for record in ran:
        if record.state == "FAILED" and not record.cause.startswith("schedule"):
            failed = ", ".join(step.name for step in record.steps if step.state == "FAILED")
            yield Attention(
                f"pipeline {record.pipeline} failed in {failed}", f"mlops pipeline show {record.id}"
            )


def _model(name: str, versions: Sequence[VersionRecord]) -> ModelGlance:
    """Summarise a model's versions, from new to old."""
    from mlops_jupyter.store.versions import semantic

    ordered = sorted(versions, key=lambda record: semantic(record.version), reverse=True)
    aliases = tuple((alias, record.version) for record in ordered for alias in record.aliases)
    registered = sum(record.state == "registered" for record in ordered)
    newest = ordered[0] if ordered else None
    return ModelGlance(
        name,
        newest.version if newest else None,
        newest.state if newest else "",
        registered,
        len(ordered),
        aliases,
    )


def _attention(
    models: Sequence[ModelGlance],
    deployed: Sequence[EndpointGlance],
    unfinished: Sequence[VersionRecord],
    free: int,
) -> Iterator[Attention]:
    for endpoint in deployed:
        if endpoint.state.mark in ("bad", "warn"):
            yield Attention(
                f"{endpoint.name} should serve and is {endpoint.state.word}", f"mlops start {endpoint.name}"
            )
    for record in unfinished:
        yield Attention(f"registering {record.name} broke off", f"mlops register {record.model}")
    for model in models:
        if model.newest_state == "packaged":
            yield Attention(
                f"{model.name} {model.newest} is packaged and not registered", f"mlops register {model.name}"
            )
    if free < _LITTLE_SPACE:
        yield Attention("the disk is nearly full", "mlops clean --dry-run")
