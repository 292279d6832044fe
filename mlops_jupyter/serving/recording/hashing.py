"""Values that may be counted and joined but not read: keyed hashes, the key in the deployment's folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

KEY = "capture.key"
_KEY_BYTES = 32
_HASH_BYTES = 16


class Hasher:
    """Keyed hashes of values.

    Parameters
    ----------
    key : bytes
        The secret.

    Examples
    --------
    >>> hasher = Hasher(b"secret")
    >>> hasher.hashed("JFK") == hasher.hashed("JFK"), hasher.hashed("JFK") == hasher.hashed("LGA")
    (True, False)
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(key=key, digest_size=_HASH_BYTES)

    def hashed(self, value: Any) -> str | None:
        """Return the hash of a value as 32 hex digits; None of a missing one."""
        if value is None or value != value:
            return None
        keyed = self._keyed.copy()
        keyed.update(_canonical(value).encode(errors="surrogatepass"))
        return keyed.hexdigest()


def _canonical(value: Any) -> str:
    """Return one text for one value, however its request wrote it: 1 and 1.0 are the same."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def read_key(deployment: Path) -> bytes:
    """Return the key of a deployment, made when there is none; all its workers get the same."""
    path = deployment / KEY
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    beside = path.with_name(f"{KEY}.{os.getpid()}-{threading.get_ident()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(os.urandom(_KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)  # whole or not at all, and only the first
    finally:
        beside.unlink(missing_ok=True)
    return path.read_bytes()
