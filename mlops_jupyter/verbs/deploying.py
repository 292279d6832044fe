"""The verb that brings a version live, with all that can be asked of the server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.verbs.endpoint_results import Deployed
from mlops_jupyter.verbs.progress import progress
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.watching import open_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.deployments.live import Live as LiveDeployment
    from mlops_jupyter.deployments.live import Wish
    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.types import ColumnName, DeploymentName, FilePath, ModelName, VersionName


@verb(stage="endpoints", audited=True)
def deploy(
    model: ModelName, *, version: VersionName | None = None, as_: DeploymentName | None = None,
    host: str | None = None, port: int | None = None, workers: int | None = None,
    isolated: bool | None = None, insecure: bool | None = None,
    tls_cert: FilePath | None = None, tls_key: FilePath | None = None, hosts: list[str] | None = None,
    rate: float | None = None, burst: int | None = None,
    unit: str | None = None, timeout: float | None = None, concurrency: int | None = None,
    queue: int | None = None, batching: bool | None = None,
    extra_columns: Literal["warn", "ignore", "refuse"] | None = None, cache: int | None = None,
    capture: bool | None = None, capture_days: float | None = None, capture_bytes: int | None = None,
    mask: list[ColumnName] | None = None, hash_: list[ColumnName] | None = None,
    access_log: bool | None = None, access_log_features: bool | None = None,
    grpc_port: int | None = None, reason: str | None = None,
) -> Deployed:  # fmt: skip
    """Bring a registered version live as an HTTP endpoint on this machine.

    The new version is verified, loaded and warmed beside the one that serves, and takes over when it is
    ready; no request fails. The old one stays loaded, so that `rollback` is one write. The endpoint
    outlives the notebook. How it serves is remembered by later deploys and rollbacks, until it is given
    anew; another way for the same version is served by new processes, too.

    Parameters
    ----------
    model : ModelName
        The registered model.
    version : VersionName, optional
        ``1.2.0``, a registry number or ``@alias``; the highest registered version when left out.
    as_ : DeploymentName, optional
        The deployment's name; the model's own when left out. Only the deployment of the model's own name
        moves the alias ``champion``.
    host : str, optional
        The address to listen on; this machine's own when left out. ``0.0.0.0`` is every one it has, and
        asks for a key (``mlops key create``) or `insecure`.
    port : int, optional
        The port to listen on. A free one of 8080 to 8180 when left out.
    workers : int, optional
        Worker processes.
    isolated : bool, optional
        Serve from an environment of the package's own pins, made by uv, in place of this one.
    insecure : bool, optional
        Listen beyond this machine without any key.
    tls_cert, tls_key : FilePath, optional
        PEM files of a certificate and its key, to speak HTTPS; the first alone when it holds both.
        ``--tls-cert off`` goes back to HTTP.
    hosts : list of str, optional
        Names by which callers reach it through a proxy of yours; on loopback any other name is refused.
    rate : float, optional
        Requests a second for each key that has no rate of its own, over all workers; without keys for all
        callers together. 0 for no limit.
    burst : int, optional
        Requests at once; a second's worth when left out.
    unit : str, optional
        What decides who gets which version: ``header:NAME``, ``cookie:NAME`` or ``field:NAME``.
    timeout : float, optional
        Seconds after which a request is answered 504; 30 at first.
    concurrency : int, optional
        Requests that a version works on at a time in one worker; 0, as at first, for one a core.
    queue : int, optional
        Requests that may wait for a version in one worker, 128 at first; the next are answered 503.
    batching : bool, optional
        Predict what waits together; decided by measurement when it was never said.
    extra_columns : {"warn", "ignore", "refuse"}, optional
        What is done with columns that the model does not have; they are warned of at first.
    cache : int, optional
        Answers kept in each worker by the bytes of their request; none at first.
    capture : bool, optional
        Keep requests and answers, for drift and feedback; they are at first.
    capture_days, capture_bytes : float, int, optional
        What is older is removed, 7 days at first, and the oldest beyond so many bytes, 1 GiB at first.
    mask, hash_ : list of ColumnName, optional
        Columns that are captured as missing, or as a keyed hash.
    access_log : bool, optional
        Log each request as a line of JSON, without its features.
    access_log_features : bool, optional
        With them.
    grpc_port : int, optional
        Answer V2 gRPC there; 0 for nowhere, as at first.
    reason : str, optional
        Why, for the history.

    Returns
    -------
    Deployed
        What is live, where, and what can be gone back to.

    Raises
    ------
    NotFoundError
        When there is no such model or version.
    ConflictError
        When another deploy is going on there, or something was rolled back in the meantime.
    IntegrityError
        When the package is not what was registered; the old version serves on.
    RefusedError
        When it would listen beyond this machine with no key, or would have to move while it runs.
    UsageError
        When a certificate cannot be used: missing, expired, not that of the key.
    UnavailableError
        When the port is in use (the message says by whom), MLflow is down, or the version does not come up.

    Examples
    --------
    >>> mlops.deploy("churn", version="1.2.0")  # doctest: +SKIP
    """
    from mlops_jupyter.deployments.live import Wish, go_live
    from mlops_jupyter.deployments.options import asked_options, check_columns
    from mlops_jupyter.registry import obtain
    from mlops_jupyter.store.settings import settings
    from mlops_jupyter.store.versions import get_version

    began = time.monotonic()
    options = asked_options(
        insecure=insecure, tls_certificate=tls_cert, tls_key=tls_key, hosts=hosts, rate=rate, burst=burst,
        unit=unit, timeout=timeout, concurrency=concurrency, queue=queue, batching=batching,
        extra_columns=extra_columns, cache=cache, capture=capture, capture_days=capture_days,
        capture_bytes=capture_bytes, capture_masked=mask, capture_hashed=hash_, access_log=access_log,
        access_log_features=access_log_features, grpc_port=grpc_port,
    )  # fmt: skip
    workspace, store = open_state()
    record = get_version(store, model, version)
    chosen = settings(port=port, workers=workers)
    with progress(f"deploy {model} {record.version}") as report:
        report("verify")
        package = obtain(workspace, store, record)
        check_columns(options, package)
        wish = Wish(
            "deploy", as_ or model, model, record.version, record.digest, package, host, chosen.port,
            chosen.workers if workers else None, isolated, reason, options,
        )  # fmt: skip
        live = go_live(workspace, store, wish, report)
        alias = _move_champion(workspace, store, wish, report) if live.changed else ""
    return _deployed(live, time.monotonic() - began, alias, workspace.deployments / wish.name)


def _deployed(live: LiveDeployment, seconds: float, alias: str, folder: Path) -> Deployed:
    from mlops_jupyter.deployments.addresses import proxy_url_of, url_of
    from mlops_jupyter.deployments.keys import has_keys
    from mlops_jupyter.deployments.records import example_call
    from mlops_jupyter.verbs.terms import terms_of

    keyed = has_keys(folder)
    record, serving = live.record, live.serving
    options = serving.spec.options
    tls = options.tls_certificate is not None
    url = url_of(record.host, record.port, tls=tls)
    terms, concerns = terms_of(live, keyed=keyed)
    return Deployed(
        record.name, record.model, serving.stable.version, url, proxy_url_of(record.port, tls=tls),
        serving.spec.generation, live.previous, seconds, live.changed, alias,
        example_call(url, Path(serving.stable.package), options.tls_certificate, keyed=keyed),
        live.note, record.isolated, terms, concerns,
    )  # fmt: skip


def _move_champion(workspace: Workspace, store: Store, wish: Wish, report: Callable[[str], None]) -> str:
    """Move the alias in MLflow; when it is down the move waits, and the endpoint serves all the same."""
    from mlops_jupyter.deployments.folder import CHAMPION
    from mlops_jupyter.registry import move_alias
    from mlops_jupyter.store.outbox import queue_alias

    if wish.name != wish.model:
        return f"alias {CHAMPION} stays where it was: only the deployment {wish.model} moves it"
    report("alias")
    try:
        move_alias(workspace, store, wish.model, CHAMPION, wish.version)
    except MlopsError as problem:
        queue_alias(store, wish.model, CHAMPION, wish.version)
        return f"alias {CHAMPION} will follow when MLflow answers again ({problem.what})"
    return f"alias {CHAMPION} points to {wish.version}"
