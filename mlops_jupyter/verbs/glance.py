"""The overview of a workspace, from the mirror and by probing what runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.probing import EndpointGlance, endpoints
from mlops_jupyter.verbs.tidiness import Attention, ModelGlance, Overview

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.versions import VersionRecord

_LITTLE_SPACE: Final = 1_000_000_000
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
    refresh_in_background(store.workspace)
    return Overview(
        str(root),
        models,
        deployed,
        tuple(_attention(models, deployed, unfinished, shutil.disk_usage(root).free)),
        size_of(root),
        shutil.disk_usage(root).free,
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
