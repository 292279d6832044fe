"""The MLflow side of tracking: a run that is opened, described and closed."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops_jupyter.commits import git_state
from mlops_jupyter.verbs import provenance
from mlops_jupyter.verbs.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.types import Script


class RecordedRun:
    """A run under way, and what is told of it beside its metrics."""

    def __init__(self, run_id: str, source: str) -> None:
        self.run_id = run_id
        self.source = source
        self.git = git_state()
        self.data: dict[str, dict[str, Any]] = {}

    def describe(self, space: Mapping[str, Any]) -> None:
        """Record source, commit, data and libraries."""
        import mlflow

        self.data = provenance.data_in(self.source, space)
        mlflow.log_text(self.source, "cell.py")
        mlflow.log_dict(self.data, "data.json")
        mlflow.log_dict(provenance.imported_libraries(), "libraries.json")
        tags = {f"data.{name}": item["fingerprint"] for name, item in self.data.items()}
        if self.git:
            tags |= {"git_commit": self.git["commit"], "git_dirty": str(self.git["dirty"]).lower()}
        mlflow.set_tags({f"mlops.{name}": value for name, value in tags.items()})


@contextmanager
def recorded_run(script: Script, experiment: str | None, name: str | None) -> Iterator[RecordedRun]:
    """Run the block inside an MLflow run with autolog on; what it raises marks the run as failed."""
    from mlops_jupyter.registry.experiments import experiment_id
    from mlops_jupyter.store.workspace import open_workspace

    workspace = open_workspace()
    client = _client(workspace)
    import mlflow

    chosen = experiment_id(client, workspace, experiment or workspace.root.parent.name or "mlops")
    nested = mlflow.active_run() is not None
    with (
        _tracking_at(workspace),
        _autolog(),
        _measuring(script.space),
        mlflow.start_run(experiment_id=chosen, run_name=name, nested=nested) as run,
    ):
        yield RecordedRun(run.info.run_id, script.source)


def summary(run_id: str) -> dict[str, Any]:
    """Return what a run recorded: ids, names, metrics, parameters and where to see it."""
    from mlops_jupyter.registry import tracking_uri
    from mlops_jupyter.store.workspace import open_workspace

    workspace = open_workspace()
    client = _client(workspace)
    run = client.get_run(run_id)
    experiment = client.get_experiment(run.info.experiment_id)
    return {
        "run_id": run_id,
        "name": run.info.run_name or run_id,
        "experiment": experiment.name,
        "metrics": dict(run.data.metrics),
        "parameters": dict(run.data.params),
        "url": _page(tracking_uri(workspace), experiment.experiment_id, run_id),
    }


def _client(workspace: Workspace) -> Any:
    """Return MLflow's client; its import takes seconds the first time, which is said."""
    from mlops_jupyter.registry import client

    if "mlflow" in sys.modules:
        return client(workspace)
    with progress("track") as report:
        report("start MLflow")
        return client(workspace, report)


@contextmanager
def _tracking_at(workspace: Workspace) -> Iterator[None]:
    """Point MLflow's fluent calls, and autolog with them, at the workspace for the length of the block."""
    import mlflow

    from mlops_jupyter.registry import tracking_uri

    before = mlflow.get_tracking_uri() if mlflow.tracking.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(tracking_uri(workspace))
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _page(address: str, experiment_id: str, run_id: str) -> str:
    if address.startswith("http"):
        return f"{address.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"
    return f"mlflow ui --backend-store-uri {address}"


@contextmanager
def _autolog() -> Iterator[None]:
    """Log parameters and metrics, without models. An autolog that the user has switched on stays as it is."""
    import mlflow
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    if any(settings and not settings.get("disable") for settings in AUTOLOGGING_INTEGRATIONS.values()):
        yield
        return
    mlflow.autolog(log_models=False, log_datasets=False, log_traces=False, silent=True)
    try:
        with warnings.catch_warnings():
            # MLflow 3.17 calls scikit-learn 1.9 by the old name of an argument
            warnings.filterwarnings("ignore", "`y_pred` was renamed", FutureWarning)
            yield
    finally:
        mlflow.autolog(disable=True, silent=True)


@contextmanager
def _measuring(space: Mapping[str, Any]) -> Iterator[None]:
    """Let metrics that were imported by name before the run be logged as well.

    MLflow replaces `sklearn.metrics.accuracy_score`; what ``from sklearn.metrics import accuracy_score``
    bound in an earlier cell stays the plain function, and its value would be lost without a word.
    """
    metrics = sys.modules.get("sklearn.metrics")
    if metrics is None or not isinstance(space, dict):
        yield
        return
    plain = {name: value for name, value in space.items() if _was_replaced(metrics, value)}
    logged = {name: getattr(metrics, value.__name__) for name, value in plain.items()}
    space.update(logged)
    try:
        yield
    finally:
        space.update({name: value for name, value in plain.items() if space.get(name) is logged[name]})


def _was_replaced(metrics: Any, value: Any) -> bool:
    """Return whether a variable is one of scikit-learn's metrics in whose place MLflow has put its own."""
    if not str(getattr(value, "__module__", "")).startswith("sklearn.metrics") or not callable(value):
        return False
    public = getattr(metrics, getattr(value, "__name__", ""), value)
    return public is not value and not isinstance(value, type)
