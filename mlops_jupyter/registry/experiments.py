"""Experiments of MLflow: found by name, or made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .connection import is_server, tracking_uri

if TYPE_CHECKING:
    from mlops_jupyter.store.workspace import Workspace


def experiment_id(client: Any, workspace: Workspace, name: str) -> str:
    """Return an experiment's id, made on first use; without a server its files lie in the workspace."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None if is_server(tracking_uri(workspace)) else (workspace.artifacts / "runs").as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as failure:
        if failure.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(client.get_experiment_by_name(name).experiment_id)  # somebody made it in between
