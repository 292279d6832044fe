"""The way to MLflow: where it is, whether it answers, and what its failures mean in one line.

MLflow's own retries take minutes before they admit that a server is down, so the server is asked once, with
three seconds to answer, before MLflow is. Nothing here changes MLflow's global state: the user's notebook has
its own `mlflow.set_tracking_uri`.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import sqlite3
import threading
import urllib.error
import urllib.request
import warnings
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import filelock

from mlops_jupyter.errors import ConflictError, UnavailableError
from mlops_jupyter.store.masking import masked_text
from mlops_jupyter.store.settings import settings
from mlops_jupyter.store.workspace import FULL, READ_ONLY, has_no_room, unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_jupyter.store.workspace import Workspace

Report: TypeAlias = "Callable[[str], None]"
PROBE_SECONDS = 3
FIRST_USE_SECONDS = 120
SERVER_ERROR = 500
# while we call: few retries, an answer within 20 s, and no progress bars of MLflow's between ours
DURING_CALLS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
TALKATIVE = ("alembic", "mlflow.store.db.utils", "mlflow.tracking", "mlflow.store.model_registry")
_environment = threading.RLock()


def silent(_stage: str) -> None:
    """Report nothing."""


def tracking_uri(workspace: Workspace) -> str:
    """Return the address of MLflow: the one that is set, else SQLite in the workspace."""
    return settings().tracking_uri or f"sqlite:///{workspace.root / 'mlflow.db'}"


def registry_name(workspace: Workspace) -> str:
    """Return the address without a password: what pins and the audit log call this registry."""
    return masked_text(tracking_uri(workspace))


def client(workspace: Workspace, report: Report = silent) -> Any:
    """Return an `MlflowClient` of this workspace's registry that is known to answer.

    Parameters
    ----------
    workspace : Workspace
        The workspace.
    report : callable
        Told when MLflow's database is made, which takes seconds, once.

    Raises
    ------
    UnavailableError
        When it does not answer.
    """
    uri = tracking_uri(workspace)
    if is_server(uri):
        probe(uri)
    with calls(workspace):
        file = sqlite_file(uri)
        if file is not None and not is_initialised(file):
            first_use(uri, file, report)
        return connect(uri)


def connect(uri: str) -> Any:
    """Make the client; for a database address it makes or checks its tables."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def is_server(uri: str) -> bool:
    """Whether the address is that of an MLflow server."""
    return urlsplit(uri).scheme in {"http", "https"}


def probe(uri: str) -> None:
    """Ask a server once whether it is well.

    Raises
    ------
    UnavailableError
        When it refuses, answers with a server error, or not within three seconds.
    """
    try:
        opener = urllib.request.build_opener()  # the proxies of now: urlopen keeps those of its first use
        with opener.open(f"{without_login(uri).rstrip('/')}/health", timeout=PROBE_SECONDS):
            return
    except urllib.error.HTTPError as answer:
        answer.close()
        # a proxy that wants a login still answers; MLflow's client has the credentials
        if answer.code < SERVER_ERROR:
            return
        raise unavailable(uri, f"it answers {answer.code}") from None
    except (OSError, ValueError) as failure:
        why = str(getattr(failure, "reason", failure)) or type(failure).__name__
        raise unavailable(uri, why) from None


def without_login(uri: str) -> str:
    """Return an address as urllib takes it.

    Examples
    --------
    >>> without_login("http://me:secret@host:5000/mlflow")
    'http://host:5000/mlflow'
    """
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def unavailable(uri: str, why: str) -> UnavailableError:
    """Say that MLflow cannot be used, and what to look at."""
    hint = "start it, or set MLOPS_TRACKING_URI to another"
    return UnavailableError(f"MLflow at {masked_text(uri)} does not answer", masked_text(why), hint)


@contextmanager
def calls(workspace: Workspace) -> Iterator[None]:
    """Bound how long MLflow's calls take, and turn their failures into one line."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    uri = tracking_uri(workspace)
    try:
        with bounded(), quiet():
            yield
    except MlflowException as failure:
        if has_no_room(workspace.root):
            raise unusable(workspace.root, OSError(errno.ENOSPC, "")) from failure
        where, why = masked_text(uri), masked_text(first_line(failure))
        raise UnavailableError(f"MLflow at {where} failed", why, "%mlops doctor says more") from failure
    except RequestException as failure:
        raise unavailable(uri, type(failure).__name__) from failure
    except OSError as failure:
        if failure.errno in FULL | READ_ONLY or has_no_room(workspace.root):
            raise unusable(workspace.root, failure) from failure
        raise unavailable(uri, str(failure)) from failure


def first_line(failure: Exception) -> str:
    """Return what MLflow says, without the pages that follow."""
    return (str(failure).strip().splitlines() or [type(failure).__name__])[0][:300]


@contextmanager
def bounded() -> Iterator[None]:
    """Set MLflow's limits where the user has not, for the length of the block."""
    with _environment:
        ours = {name: value for name, value in DURING_CALLS.items() if name not in os.environ}
        os.environ.update(ours)
        try:
            yield
        finally:
            for name in ours:
                os.environ.pop(name, None)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the migrations', the registry's and the deprecations' chatter out of the notebook."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite address."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def is_initialised(file: Path) -> bool:
    """Whether MLflow's tables stand."""
    if not file.is_file():
        return False
    with closing(sqlite3.connect(file)) as connection:
        try:
            return bool(connection.execute("SELECT 1 FROM alembic_version").fetchone())
        except sqlite3.Error:
            return False


def first_use(uri: str, file: Path, report: Report) -> None:
    """Let MLflow make its tables under a lock: two first uses at once break each other.

    It makes them in many migrations, each of which others see, and in each of which it can be killed. So a
    new database is made beside its place, where nobody looks.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(f"{file}.lock", timeout=FIRST_USE_SECONDS):
            if is_initialised(file):
                return
            report("making MLflow's database, once")
            if file.is_file() and file.stat().st_size:  # of others, who keep more there
                connect(uri).search_experiments(max_results=1)
                return
            for left in file.parent.glob(f"{file.name}.*.new"):
                left.unlink(missing_ok=True)
            beside = file.with_name(f"{file.name}.{secrets.token_hex(4)}.new")  # MLflow knows the last one's
            connect(f"sqlite:///{beside}").search_experiments(max_results=1)
            beside.replace(file)
    except filelock.Timeout as failure:
        raise ConflictError("another process is making MLflow's database", hint="run it again") from failure
