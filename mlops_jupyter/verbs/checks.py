"""What `doctor` looks at: each check says what it found and, where something is wrong, what to mend."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.verbs.results import Quantity
from mlops_jupyter.verbs.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.results import Mark

_NEEDED: Final = (
    "ipython",
    "mlflow",
    "scikit-learn",
    "pandas",
    "numpy",
    "skops",
    "fastapi",
    "uvicorn",
    "sqlalchemy",
)
_ONNX: Final = ("onnxruntime", "skl2onnx")
_LITTLE_SPACE: Final = 1_000_000_000
_LOCAL: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Check:
    """One finding.

    Parameters
    ----------
    name : str
        What was looked at.
    mark : str
        ``ok``, ``warn``, ``bad`` or ``info``.
    found : str
        What was found.
    mend : str
        What to do about it.
    """

    name: str
    mark: Mark
    found: str
    mend: str = ""


def run_checks() -> tuple[Check, ...]:
    """Run every check. A check that breaks says so, and the others go on."""
    checks = (_python, _libraries, _onnx, _uv, _git, _workspace, _access, _registry, _ports, _proxy)
    return tuple(found for check in checks for found in _guarded(check))


def _guarded(check: Callable[[], Iterator[Check]]) -> list[Check]:
    name = check.__name__.strip("_")
    try:
        return list(check())
    except MlopsError as error:
        return [Check(name, "bad", error.what + (f": {error.why}" if error.why else ""), error.hint)]
    except Exception as error:  # noqa: BLE001 the doctor must not be what is ill
        return [Check(name, "bad", f"the check itself failed: {type(error).__name__}: {error}")]


def _python() -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} ({sys.executable})")


def _libraries() -> Iterator[Check]:
    versions = {name: _version(name) for name in _NEEDED}
    missing = [name for name, version in versions.items() if version is None]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if missing:
        yield Check("libraries", "bad", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    yield Check("libraries", "ok", listed)


def _onnx() -> Iterator[Check]:
    missing = [name for name in _ONNX if _version(name) is None]
    if missing:
        found = f"{' and '.join(missing)} missing: models are served in their native form, more slowly"
        yield Check("onnx", "warn", found, f"pip install {' '.join(missing)}")
    else:
        yield Check("onnx", "ok", ", ".join(f"{name} {_version(name)}" for name in _ONNX))


def _uv() -> Iterator[Check]:
    if _version("uv") or shutil.which("uv"):
        yield Check("uv", "ok", "pins are hashed, and deploy --isolated works")
    else:
        yield Check("uv", "warn", "missing: pins bear no hashes, no deploy --isolated", "pip install uv")


def _git() -> Iterator[Check]:
    from mlops_jupyter.commits import git_state

    state = git_state()
    if state is None:
        yield Check("git", "info", "not a repository: packages and runs bear no commit", "git init")
    else:
        yield Check("git", "ok", state["commit"][:10] + (" with changes" if state["dirty"] else ""))


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _workspace() -> Iterator[Check]:
    from mlops_jupyter.store.audit import verify_chain
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import open_workspace

    workspace = open_workspace()
    mode = workspace.root.stat().st_mode & 0o777
    if mode & 0o077:
        found = f"{workspace.root} can be read by others (mode {mode:o})"
        yield Check("workspace", "warn", found, f"chmod 700 {workspace.root}")
    else:
        yield Check("workspace", "ok", str(workspace.root))
    yield _disk(workspace)
    store = open_store(workspace)
    report = verify_chain(store)
    if report.whole:
        yield Check("store", "ok", f"SQLite, audit log whole ({report.records} records)")
    else:
        yield Check(
            "store", "bad", f"the audit log is not what was written: {report.why}", "see: mlops audit"
        )
    yield from _deployments(store)


def _disk(workspace: Workspace) -> Check:
    free = shutil.disk_usage(workspace.root).free
    words = f"{shown(Quantity(free, 'B')).text} free"
    little = free < _LITTLE_SPACE
    return Check("disk", "warn" if little else "ok", words, "mlops clean" if little else "")


def _deployments(store: Store) -> Iterator[Check]:
    from mlops_jupyter.verbs.probing import endpoints

    for endpoint in endpoints(store):
        if endpoint.state.mark != "ok" and endpoint.intent == "serving":
            found = f"{endpoint.name} should serve and is {endpoint.state.word}"
            yield Check("deployment", "bad", found, f"mlops start {endpoint.name}")


def _access() -> Iterator[Check]:
    """Look whether the keys and certificates of deployments will do."""
    from mlops_jupyter.deployments.folder import deployment_names
    from mlops_jupyter.store.workspace import open_workspace

    deployments = open_workspace().deployments
    for name in deployment_names(deployments):
        try:
            yield from _guards(deployments / name)
        except MlopsError as error:
            yield Check("access", "bad", f"{error.what}: {error.why}".rstrip(": "), error.hint)


def _guards(folder: Path) -> Iterator[Check]:
    from mlops_jupyter.deployments.folder import read_serving
    from mlops_jupyter.deployments.keys import list_keys
    from mlops_jupyter.deployments.options import check_tls

    list_keys(folder)
    serving = read_serving(folder)
    certificate = check_tls(serving.spec.options) if serving else None
    if certificate and certificate.expires_soon:
        found = f"the certificate of {folder.name} expires on {certificate.expires:%Y-%m-%d}"
        yield Check("access", "warn", found, "renew its files")


def _registry() -> Iterator[Check]:
    from mlops_jupyter.registry.connection import is_server, probe, tracking_uri
    from mlops_jupyter.store.workspace import open_workspace

    address = tracking_uri(open_workspace())
    if is_server(address):
        probe(address)
    yield Check("registry", "ok", f"MLflow {_version('mlflow')}, {_without_secret(address)}")


def _without_secret(address: str) -> str:
    """Return an address without the user and password in it."""
    scheme, slashes, rest = address.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


def _ports() -> Iterator[Check]:
    from mlops_jupyter.deployments.ports import USUAL, is_free

    free = [port for port in USUAL if is_free("127.0.0.1", port)]
    if free:
        yield Check("ports", "ok", f"the next deployment can listen on {free[0]}")
    else:
        found = f"all usual ports are in use ({USUAL[0]} to {USUAL[-1]}): any free one is taken"
        yield Check("ports", "info", found, "give one with --port")


def _proxy() -> Iterator[Check]:
    from mlops_jupyter.deployments.addresses import proxy_url_of

    set_here = [
        name for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy") if os.environ.get(name)
    ]
    excepted = os.environ.get("NO_PROXY", os.environ.get("no_proxy", ""))
    if set_here and not any(local in excepted for local in _LOCAL) and excepted.strip() != "*":
        found = (
            f"{set_here[0]} is set and NO_PROXY does not except 127.0.0.1: calls of an endpoint may go astray"
        )
        yield Check("proxy", "warn", found, "export NO_PROXY=127.0.0.1,localhost")
    else:
        yield Check("proxy", "ok", "endpoints on 127.0.0.1 are called directly")
    behind = proxy_url_of(0)
    if behind:
        yield Check(
            "proxy", "info", f"browsers reach endpoints behind jupyter-server-proxy: {behind[:-2]}PORT/"
        )
