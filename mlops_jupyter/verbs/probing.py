"""The workspace's endpoints at a glance: what was intended, and what answers now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import UnavailableError
from mlops_jupyter.verbs.results import Status

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.deployments import DeploymentRecord

_SECONDS: Final = 1.0
_OK: Final = 200


@dataclass(frozen=True)
class EndpointGlance:
    """One deployment.

    Parameters
    ----------
    name, model : str
        The endpoint, and what it serves.
    version, previous : str or None
        The stable version, and the one before.
    url : str
        Where it listens.
    intent : str
        ``serving`` or ``stopped``.
    state : Status
        What answers now: ``ready``, ``not ready``, ``down`` or ``stopped``.
    """

    name: str
    model: str
    version: str | None
    previous: str | None
    url: str
    intent: str
    state: Status


def endpoints(store: Store) -> tuple[EndpointGlance, ...]:
    """Probe every deployment of the workspace; a second at most for each."""
    from mlops_jupyter.store.deployments import list_deployments

    return tuple(_glance(store, record) for record in list_deployments(store))


def _glance(store: Store, record: DeploymentRecord) -> EndpointGlance:
    from mlops_jupyter.deployments.addresses import url_of
    from mlops_jupyter.deployments.folder import read_certificate

    certificate = read_certificate(store.workspace.deployments / record.name)
    url = url_of(record.host, record.port, tls=bool(certificate))
    version, state = _version(store, record), _state(store, record, certificate)
    return EndpointGlance(record.name, record.model, version, record.previous, url, record.intent, state)


def _version(store: Store, record: DeploymentRecord) -> str | None:
    """Return the version that is stable now: a rollback swaps a weight first and the record after."""
    from mlops_jupyter.deployments.folder import read_serving

    serving = read_serving(store.workspace.deployments / record.name)
    return serving.stable.version if serving else record.version


def _state(store: Store, record: DeploymentRecord, certificate: str | None) -> Status:
    from mlops_jupyter.deployments.requests import Endpoint
    from mlops_jupyter.deployments.supervision import running_supervisor

    if running_supervisor(store.workspace.deployments / record.name) is None:
        return Status("stopped", "info") if record.intent == "stopped" else Status("down", "bad")
    try:
        with Endpoint(record.host, record.port, _SECONDS, certificate=certificate) as endpoint:
            status, _ = endpoint.ask("/ready")
    except UnavailableError:
        return Status("not answering", "bad")
    return Status("ready", "ok") if status == _OK else Status("not ready", "warn")
