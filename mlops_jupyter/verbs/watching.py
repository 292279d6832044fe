"""The verbs that change nothing at an endpoint: predict, status, logs, history."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.verbs.endpoint_results import History, Logs, StatusReport
from mlops_jupyter.verbs.predictions import Predictions
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.types import Data, DeploymentName, Live


def open_state() -> tuple[Workspace, Store]:
    """Return the workspace and its store."""
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import open_workspace

    workspace = open_workspace()
    return workspace, open_store(workspace)


@verb(stage="endpoints")
def predict(deployment: DeploymentName, data: Live[Data], *, at: str | None = None) -> Predictions:
    """Ask a deployment for predictions of a data frame's rows.

    With `at`, traffic of the past is replayed: the rows are asked in the order of their times, one request
    for those of one time, and captured as asked then. Drift and requests find them there.

    Parameters
    ----------
    deployment : DeploymentName
        The endpoint.
    data : Live[Data]
        A frame, array, sparse matrix or texts. Columns that the model does not know are not sent.
    at : str, optional
        A column of the frame with the times when the rows were, local where they say no zone.

    Returns
    -------
    Predictions
        Behaves like a data frame with ``prediction``, probabilities and ``confidence`` under the index of the
        data, and says which version answered.

    Raises
    ------
    DataError
        When the rows do not fit the model, naming row and field.
    UnavailableError
        When nothing answers.

    Examples
    --------
    >>> mlops.predict("churn", X_test)["prediction"]  # doctest: +SKIP
    """
    import json

    from mlops_jupyter.deployments.calling import ANSWERS_WITHIN, call
    from mlops_jupyter.deployments.folder import find_folder, require_serving
    from mlops_jupyter.deployments.replaying import replay
    from mlops_jupyter.deployments.requests import open_endpoint

    began = time.monotonic()
    workspace, _ = open_state()
    folder = find_folder(workspace.deployments, deployment)
    serving = require_serving(folder)
    schema = json.loads((Path(serving.stable.package) / "model" / "feature_schema.json").read_bytes())
    with open_endpoint(folder, ANSWERS_WITHIN) as endpoint:
        called = replay(endpoint, folder, schema, data, at) if at else call(endpoint, schema, data)
    seconds = time.monotonic() - began
    return Predictions(deployment, called.versions, called.variants, called.frame, called.warnings, seconds)


@verb(stage="endpoints")
def status(deployment: DeploymentName | None = None) -> StatusReport:
    """Show what really runs, by asking it.

    Parameters
    ----------
    deployment : DeploymentName, optional
        One deployment, with everything known of it; all when left out.

    Returns
    -------
    StatusReport
        State, versions with their share of the traffic, processes, memory, address.

    Examples
    --------
    >>> mlops.status("churn").url  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.folder import deployment_names, find_folder
    from mlops_jupyter.deployments.observing import observe
    from mlops_jupyter.store.deployments import is_stopped

    workspace, store = open_state()
    names = [deployment] if deployment else deployment_names(workspace.deployments)
    folders = [find_folder(workspace.deployments, name) for name in names]
    return StatusReport(tuple(observe(folder, stopped=is_stopped(store, folder.name)) for folder in folders))


@verb(stage="endpoints")
def logs(deployment: DeploymentName, *, lines: int = 50) -> Logs:
    """Show the last lines that a deployment's server and supervisor wrote.

    Parameters
    ----------
    deployment : DeploymentName
        The endpoint.
    lines : int
        How many.

    Returns
    -------
    Logs
        The lines, and the files that hold all of them.

    Examples
    --------
    >>> mlops.logs("churn", lines=20)  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.folder import find_folder
    from mlops_jupyter.deployments.records import last_lines, log_files

    workspace, _ = open_state()
    files = log_files(find_folder(workspace.deployments, deployment))
    return Logs(deployment, tuple(last_lines(files, lines)), tuple(map(str, files)))


@verb(stage="endpoints")
def history(deployment: DeploymentName, *, limit: int = 30) -> History:
    """Show what was done to a deployment, when, by whom and why.

    Parameters
    ----------
    deployment : DeploymentName
        The endpoint.
    limit : int
        How many changes, newest first.

    Returns
    -------
    History
        Deploys, rollbacks, starts and stops, with their outcome.

    Examples
    --------
    >>> mlops.history("churn")  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.folder import find_folder
    from mlops_jupyter.deployments.reserve import take_in
    from mlops_jupyter.store.deployments import list_events

    workspace, store = open_state()
    take_in(store, find_folder(workspace.deployments, deployment))
    return History(deployment, tuple(list_events(store, deployment, limit)))
