"""The folder of a deployment: what is asked of it, what serves, and the lock under which that changes.

Everything a rollback needs is here in files that exist already, so it works with the store locked and the
disk full.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import NotFoundError, RefusedError, UsageError, did_you_mean
from mlops_jupyter.serving.documents import read_document, write_document
from mlops_jupyter.serving.spec import (
    LOGS,
    PROBE_TOKEN,
    STATE,
    WEIGHTS,
    GenerationSpec,
    VariantSpec,
    generation_folder,
    read_spec,
)
from mlops_jupyter.serving.wanted import SUPERVISOR, read_wanted
from mlops_jupyter.serving.weights import Weights, WeightsUnreadable, read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ABOUT = "deployment.json"
ACTIVATION = "activation.lock"
CHAMPION = "champion"  # the alias of what a deploy or rollback made stable
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Serving:
    """What a deployment is to serve with: the active generation, and its weights as they are."""

    spec: GenerationSpec
    weights: Weights

    @property
    def stable(self) -> VariantSpec:
        """The version that answers."""
        return self.spec.variants[self.weights.stable]

    @property
    def newest(self) -> VariantSpec:
        """The version this generation was made for; when it is not stable, it was rolled back from."""
        return self.spec.variants[0]

    def resident(self, version: str) -> VariantSpec | None:
        """Return a loaded version, or None."""
        return next((each for each in self.spec.variants if each.version == version), None)


def check_name(name: str) -> str:
    """Return a deployment's name that can be a folder's.

    Raises
    ------
    UsageError
        When it cannot.
    """
    if not _NAME.fullmatch(name):
        hint = "letters, digits, '.', '_' and '-', beginning with a letter or digit"
        raise UsageError(f"{name!r} cannot be the name of a deployment", hint=hint)
    return name


def deployment_names(deployments: Path) -> list[str]:
    """Return the names of all deployments, sorted."""
    return sorted(path.parent.name for path in deployments.glob(f"*/{ABOUT}"))


def find_folder(deployments: Path, name: str) -> Path:
    """Return the folder of a deployment.

    Raises
    ------
    NotFoundError
        When there is none of that name; it names the nearest.
    """
    folder = deployments / check_name(name)
    if not (folder / ABOUT).exists():
        hint = did_you_mean(name, deployment_names(deployments)) or f"mlops deploy {name} makes one"
        raise NotFoundError(f"no deployment named {name!r}", hint=hint)
    return folder


def make_folder(deployments: Path, name: str, model: str) -> Path:
    """Return the folder of a deployment, made if need be; only its owner may look into it."""
    deployments.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = deployments / check_name(name)
    for each in (folder, folder / "generations", folder / LOGS):
        each.mkdir(mode=0o700, exist_ok=True)
    (folder / ACTIVATION).touch(mode=0o600)  # now, for on a full disk it could not be made
    if not probe_token(folder):
        (folder / PROBE_TOKEN).touch(mode=0o600)
        (folder / PROBE_TOKEN).write_text(secrets.token_hex(16))
    if read_document(folder / ABOUT) is None:
        write_document(folder / ABOUT, {"name": name, "model": model})
    return folder


def probe_token(folder: Path) -> str:
    """Return what our own requests bear, by which the server knows not to count them; "" where none is."""
    try:
        return (folder / PROBE_TOKEN).read_text()
    except OSError:
        return ""


def read_model(folder: Path) -> str:
    """Return the name of the model a deployment serves."""
    return str((read_document(folder / ABOUT) or {}).get("model", folder.name))


def read_serving(folder: Path) -> Serving | None:
    """Return what is to serve, or None where nothing has been activated yet."""
    wanted = read_wanted(folder)
    if wanted is None or wanted.active is None:
        return None
    path = generation_folder(folder, wanted.active)
    try:
        return Serving(read_spec(path), read_weights(path / WEIGHTS))
    except (OSError, WeightsUnreadable, TypeError):
        return None


def require_serving(folder: Path) -> Serving:
    """Return what is to serve.

    Raises
    ------
    RefusedError
        When nothing has been live there yet.
    """
    serving = read_serving(folder)
    if serving is None:
        raise RefusedError(f"{folder.name} has nothing live", hint=f"mlops deploy {read_model(folder)}")
    return serving


def read_address(folder: Path) -> tuple[str, int]:
    """Return host and port of a deployment.

    Raises
    ------
    RefusedError
        When nothing has been live there yet.
    """
    wanted = read_wanted(folder)
    if wanted is None:
        raise RefusedError(f"{folder.name} has nothing live", hint=f"mlops deploy {read_model(folder)}")
    return wanted.host, wanted.port


def read_certificate(folder: Path) -> str | None:
    """Return the PEM file of the certificate that a deployment serves with, or None without TLS."""
    serving = read_serving(folder)
    return serving.spec.options.tls_certificate if serving else None


def read_state(folder: Path, generation: int) -> dict[str, Any]:
    """Return what the supervisor last said of a generation."""
    return read_document(generation_folder(folder, generation) / STATE) or {}


def read_supervisor(folder: Path) -> dict[str, Any]:
    """Return what the supervisor said of itself, which does not mean that it lives."""
    return read_document(folder / SUPERVISOR) or {}


@contextlib.contextmanager
def activation(folder: Path) -> Iterator[None]:
    """Hold the lock under which what is stable changes: for milliseconds, needing neither store nor space."""
    with (folder / ACTIVATION).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def resident_packages(deployments: Path) -> set[str]:
    """Return the folders of all packages that a deployment holds or may return to: they must stay."""
    specs = (read_document(path) or {} for path in deployments.glob("*/generations/*/spec.json"))
    return {variant["package"] for spec in specs for variant in spec.get("variants", [])}
