"""The keys of a deployment: known by the SHA-256 of their secrets, in a file that every worker looks at.

A secret has 256 random bits, so its hash needs neither salt nor stretching, and finding it is one look-up
by that hash: what an attacker could time is the comparison of hashes, which says nothing of the secret.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import orjson

from ..documents import known_fields, write_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

T = TypeVar("T")
Scope = Literal["predict", "feedback", "operate"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
KEYS = "keys.json"
OWNER = "owner"  # the id under which the workspace's own verbs call
LOOK_EVERY = 0.25  # seconds between two looks at the file


class KeysUnreadable(Exception):  # noqa: N818 - it says what is so
    """There is a file of keys, and it cannot be understood."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, without its secret.

    Parameters
    ----------
    id : str
        What it is called in lists, metrics and logs.
    sha256 : str
        Of the secret, in hex.
    scopes : tuple of str
        What it is good for: ``predict``, ``feedback``, ``operate`` (metrics, a forced variant).
    created, expires, revoked : float
        Seconds since the epoch; infinite for what never comes.
    rate, burst : float or None, int or None
        Requests a second and at once; None for what the deployment says.
    note : str
        Whose it is, or what for.
    """

    id: str
    sha256: str
    scopes: tuple[str, ...] = SCOPES
    created: float = 0.0
    expires: float = math.inf
    revoked: float = math.inf
    rate: float | None = None
    burst: int | None = None
    note: str = ""

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON bears it, which knows no infinity."""
        return {name: None if value == math.inf else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class KeyFile:
    """All keys of a deployment.

    Parameters
    ----------
    owner : str
        SHA-256 of the secret by which the workspace's own verbs call.
    keys : tuple of Key
        In the order of their creation, those that are revoked or expired among them.
    """

    owner: str
    keys: tuple[Key, ...] = ()


def digest_of(secret: bytes) -> str:
    """Return what is kept of a secret.

    Examples
    --------
    >>> digest_of(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(secret).hexdigest()


def read_keys(path: Path) -> KeyFile | None:
    """Return the keys in a file, or None where there is none.

    Raises
    ------
    KeysUnreadable
        When there is one that cannot be read or understood, in part or whole.
    """
    try:
        document = orjson.loads(path.read_bytes())
        return KeyFile(_digest(document["owner"]), tuple(map(_read_key, document["keys"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise KeysUnreadable(f"{path.name} cannot be read: {problem}") from problem


def write_keys(path: Path, file: KeyFile) -> None:
    """Put keys in place; only the owner of the file may read it."""
    entries = [key.to_document() for key in file.keys]
    write_document(path, {"owner": file.owner, "keys": entries}, mode=0o600)


def _read_key(entry: Mapping[str, Any]) -> Key:
    given = known_fields(Key, dict(entry))
    return Key(
        id=_of(str, given["id"]),
        sha256=_digest(given["sha256"]),
        scopes=tuple(_of(str, scope) for scope in _of(list, given["scopes"])),
        created=float(given["created"]),
        expires=_moment(given.get("expires")),
        revoked=_moment(given.get("revoked")),
        rate=None if given.get("rate") is None else float(given["rate"]),
        burst=None if given.get("burst") is None else int(given["burst"]),
        note=_of(str, given.get("note", "")),
    )


def _of(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} should be")
    return value


def _digest(value: Any) -> str:
    if len(bytes.fromhex(_of(str, value))) != hashlib.sha256().digest_size:
        raise ValueError("not a SHA-256")
    return str(value)


def _moment(value: Any) -> float:
    return math.inf if value is None else float(value)


class KeyRing:
    """The keys as a worker sees them: looked at every quarter of a second, read when the file has changed.

    Parameters
    ----------
    path : Path or None
        The file; None where there can be none.
    closed : bool
        Whether nobody gets in while there is no file.

    Attributes
    ----------
    required : bool
        Whether a caller needs a key.
    readable : bool
        False while there is a file that cannot be understood: then nobody gets in.
    """

    def __init__(self, path: Path | None, *, closed: bool = False) -> None:
        self._path, self._closed = path, closed
        self._seen: tuple[int, int, int] | None = None
        self._due = math.inf
        self._by_digest: dict[bytes, Key] = {}
        self.required, self.readable = closed, True
        if path is not None:
            self._due = 0.0
            self.look()

    def look(self) -> None:
        """Take in what has changed, if it is time to look again."""
        now = monotonic()
        if now >= self._due:
            self._due = now + LOOK_EVERY
            assert self._path is not None
            self._look_at(self._path)

    def find(self, secret: bytes) -> Key | None:
        """Return the key with a secret, expired and revoked ones too; None when there is none."""
        return self.find_digest(hashlib.sha256(secret).digest())

    def find_digest(self, digest: bytes) -> Key | None:
        """Do as `find` for the SHA-256 of a secret."""
        return self._by_digest.get(digest)

    def _look_at(self, path: Path) -> None:
        try:
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            self._take(None)
            return
        except OSError:
            self._refuse_all()
            return
        if seen == self._seen:
            return
        try:
            self._take(read_keys(path))
            self._seen = seen
        except KeysUnreadable:  # tried again at each look: it may have been a lack of file descriptors
            self._refuse_all()

    def _take(self, file: KeyFile | None) -> None:
        self._seen, self.readable = None, True
        self.required = file is not None or self._closed
        keys = (*file.keys, Key(OWNER, file.owner)) if file else ()
        self._by_digest = {bytes.fromhex(key.sha256): key for key in keys}

    def _refuse_all(self) -> None:
        self._seen, self._by_digest = None, {}
        self.required, self.readable = True, False
