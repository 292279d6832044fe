"""The keys of a deployment: made, listed, revoked, in the file that its workers look at.

They may be made before the deployment is: then it never listens without them. With the first of them a
secret of the workspace's own is made, by which `predict` and `rollback` call; it lies beside the file, for
its owner only.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_jupyter.errors import IntegrityError, NotFoundError, WorkspaceError, did_you_mean
from mlops_jupyter.serving.access.keys import (
    KEYS,
    SCOPES,
    Key,
    KeyFile,
    KeysUnreadable,
    digest_of,
    read_keys,
    write_keys,
)

from .folder import check_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

OWNERS_SECRET = "owner.secret"
PREFIX = "mlops_"  # by which those who search for leaked secrets find ours
_LOCK = "keys.lock"
_RANDOM_BYTES = 32


def keys_folder(deployments: Path, name: str) -> Path:
    """Return the folder in which a deployment has its keys, made if need be; it need not be deployed."""
    folder = deployments / check_name(name)
    with _writing(name):
        deployments.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def create_key(
    folder: Path,
    *,
    scopes: Sequence[str] = SCOPES[:1],
    expires: float | None = None,
    rate: float | None = None,
    burst: int | None = None,
    note: str = "",
) -> tuple[Key, str]:
    """Make a key, and return it with its secret, which is kept nowhere.

    Parameters
    ----------
    folder : Path
        The deployment's.
    scopes : sequence of str
        What it is good for.
    expires : float or None
        Seconds since the epoch; None for never.
    rate, burst : float or None, int or None
        Requests a second and at once, over all workers; None for what the deployment says.
    note : str
        Whose it is.

    Raises
    ------
    IntegrityError
        When there are keys already that cannot be read.
    """
    secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    with _changing(folder) as found:
        file = found or KeyFile(_make_owners_secret(folder))
        taken = {key.id for key in file.keys}
        ends = math.inf if expires is None else expires
        key = Key(
            _new_id(taken), digest_of(secret.encode()), tuple(scopes), time.time(), ends,
            rate=rate, burst=burst, note=note,
        )  # fmt: skip
        write_keys(folder / KEYS, replace(file, keys=(*file.keys, key)))
    return key, secret


def revoke_key(folder: Path, name: str) -> Key:
    """Revoke a key, and return it; every worker refuses it within a second. One that was revoked stays so.

    Raises
    ------
    NotFoundError
        When there is no such key; it names the nearest.
    """
    with _changing(folder) as file:
        known = {key.id: key for key in file.keys} if file else {}
        found = known.get(name)
        if file is None or found is None:
            hint = did_you_mean(name, known) or f"mlops key create {folder.name}"
            raise NotFoundError(f"{folder.name} has no key {name!r}", hint=hint)
        revoked = replace(found, revoked=min(found.revoked, time.time()))
        kept = tuple(revoked if key is found else key for key in file.keys)
        write_keys(folder / KEYS, replace(file, keys=kept))
    return revoked


def list_keys(folder: Path) -> tuple[Key, ...]:
    """Return the keys of a deployment, in the order of their creation.

    Raises
    ------
    IntegrityError
        When they cannot be read.
    """
    file = _read(folder)
    return file.keys if file else ()


def has_keys(folder: Path) -> bool:
    """Whether a caller needs a key."""
    return (folder / KEYS).exists()


def owners_secret(folder: Path) -> str:
    """Return the secret by which the workspace's own verbs call, empty where there is none yet."""
    try:
        return (folder / OWNERS_SECRET).read_text("ascii")
    except OSError:
        return ""


def _new_id(taken: set[str]) -> str:
    while (name := f"k{secrets.token_hex(3)}") in taken:
        pass
    return name


def _read(folder: Path) -> KeyFile | None:
    try:
        return read_keys(folder / KEYS)
    except KeysUnreadable as problem:
        hint = f"put it right, or remove {folder / KEYS} and make new keys; until then nobody is let in"
        raise IntegrityError(f"the keys of {folder.name} cannot be used", str(problem), hint) from None


@contextlib.contextmanager
def _changing(folder: Path) -> Iterator[KeyFile | None]:
    """Yield the keys as they are, None where there is no file, while nobody else can change them."""
    with _writing(folder.name), (folder / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _read(folder)


def _make_owners_secret(folder: Path) -> str:
    """Make that secret, and return its hash."""
    secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    beside = folder / f"{OWNERS_SECRET}.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secret)
    beside.replace(folder / OWNERS_SECRET)
    return digest_of(secret.encode())


@contextlib.contextmanager
def _writing(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise WorkspaceError(f"the keys of {name} cannot be written", problem.strerror or "") from problem
