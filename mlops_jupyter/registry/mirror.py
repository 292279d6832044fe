"""The mirror of the registry in the store: completion and overviews read it, and never wait for MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.listing import take_listing
from mlops_jupyter.store.workspace import Workspace, explained

from .aliases import flush_aliases
from .connection import calls, client, silent, sqlite_file, tracking_uri
from .entries import entries, pages

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store

    from .connection import Report

EVERY_SECONDS = 60
MODELS_PAGE = 500
DETACHED = '"$0" "$@" </dev/null >/dev/null 2>&1 &'
CHILD = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from mlops_jupyter.registry.mirror import refresh_detached; refresh_detached(sys.argv[2])"
)


def refresh(workspace: Workspace, store: Store, report: Report = silent) -> int:
    """Read versions and aliases from MLflow into the store; return how many versions there are.

    Raises
    ------
    UnavailableError
        When MLflow does not answer; the mirror stays as it was.
    """
    began = time.time_ns()
    mlflow = client(workspace, report)
    report("reading the registry")
    with calls(workspace):
        seen = entries(mlflow)
        aliases = aliases_of(mlflow, {each.model for each in seen})
    take_listing(store, seen, aliases, began)
    return len(seen)


def aliases_of(mlflow: Any, models: set[str]) -> dict[tuple[str, str], int]:
    """Return MLflow's number by model and alias."""
    if not models:
        return {}
    found = pages(lambda token: mlflow.search_registered_models(max_results=MODELS_PAGE, page_token=token))
    return {
        (each.name, alias): int(number)
        for each in found
        if each.name in models
        for alias, number in each.aliases.items()
    }


def refresh_in_background(workspace: Workspace) -> bool:
    """Refresh from a process of its own, at most once a minute; return whether one was started."""
    stamp = workspace.root / "mirror.stamp"
    file = sqlite_file(tracking_uri(workspace))
    nothing_yet = not workspace.database.exists() or (file is not None and not file.exists())
    if nothing_yet or age(stamp) < EVERY_SECONDS:
        return False
    with explained(workspace.root):
        stamp.touch()
    room = Path(__file__).parents[2]
    environment = os.environ | {
        "MLOPS_TRACKING_URI": tracking_uri(workspace),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    # through a shell that ends at once, so that nobody has to wait for the child
    subprocess.run(
        ["/bin/sh", "-c", DETACHED, sys.executable, "-P", "-c", CHILD, str(room), str(workspace.root)],
        start_new_session=True,
        env=environment,
        check=False,
    )
    return True


def age(file: Path) -> float:
    """Seconds since a file was written; for ever when it is not there."""
    try:
        return time.time() - file.stat().st_mtime
    except OSError:
        return float("inf")


def refresh_detached(root: str) -> None:
    """Deliver the outbox, and refresh unless another process is at it; nobody is there to read an error.

    The outbox is not behind that lock: who refreshes has delivered it before the newest wish was queued. It
    waits its turn at the model's aliases, for as long as `flush_aliases` does.
    """
    workspace = Workspace(Path(root))
    try:
        store = open_store(workspace)
        flush_aliases(workspace, store)
        with filelock.FileLock(workspace.root / "mirror.lock", timeout=0):
            refresh(workspace, store)
    except (MlopsError, OSError):
        sys.exit(1)
