"""Whether a request may come in: by the name it calls, the key it bears, and how often that was used.

A secret is read from ``Authorization: Bearer …`` or ``x-api-key``, never from the address of a request,
which ends in logs and histories. It is not kept, and no refusal repeats it.
"""

from __future__ import annotations

import hashlib
import math
from time import time
from typing import TYPE_CHECKING, NamedTuple

from .hosts import Hosts, is_loopback
from .keys import KEYS, OWNER, KeyRing
from .rates import RATES, Allowance, Buckets, limit_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..options import Options
    from .keys import Key, Scope

_BEARER = b"bearer "
_HOW = "send it as Authorization: Bearer"


class Refused(Exception):  # noqa: N818 - it says what is so
    """A request that is not let in.

    Parameters
    ----------
    status : int
        400 or 421 for a wrong ``Host``, 401, 403, 429; 503 while nobody can be told from another.
    error : str
        Why, in one line for the caller.
    headers : tuple of pairs of bytes
        ``WWW-Authenticate`` or ``Retry-After``.
    """

    def __init__(self, status: int, error: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(status, error, headers)
        self.status, self.error, self.headers = status, error, headers


class Caller(NamedTuple):
    """Who sends a request, as its headers say.

    Parameters
    ----------
    problem : tuple or None
        Status and sentence, when it calls us by a name that is not ours.
    digest : bytes
        SHA-256 of the secret that it bears; empty without one.
    """

    problem: tuple[int, str] | None
    digest: bytes


class Doorkeeper:
    """Lets requests in.

    Parameters
    ----------
    folder : Path or None
        The deployment's, where keys and rates are; None for a package that serves itself, which has no keys.
    options : Options
        The rate of keys that have none of their own, names of proxies, whether to be open beyond loopback.
    host, port : str, int
        Where the server listens.
    workers : int
        How many share the rates.
    """

    def __init__(self, folder: Path | None, options: Options, host: str, port: int, workers: int) -> None:
        self._hosts = Hosts(host, port, options.hosts)
        closed = folder is not None and not options.insecure and not is_loopback(host)
        self._ring = KeyRing(folder / KEYS if folder else None, closed=closed)
        self._buckets = Buckets(folder / RATES if folder else None)
        self._options, self._workers = options, max(1, workers)
        self._allowances: dict[tuple[str, float | None, int | None], Allowance | None] = {}

    @property
    def idle(self) -> bool:
        """Whether there is nothing to check but the host, for now: keys may be made at any time."""
        self._ring.look()
        return not (self._ring.required or self._options.rate)

    def admit(self, headers: Mapping[bytes, bytes], scope: Scope, *, counted: bool = True) -> str:
        """Let a request in.

        Parameters
        ----------
        headers : mapping
            Of the request, names in lower case.
        scope : str
            What it is about: ``predict``, ``feedback`` or ``operate``.
        counted : bool
            Whether it uses up something of the key's rate; false for one that was let in already and asks for
            another scope beside.

        Returns
        -------
        str
            The id of its key; empty when none was needed.

        Raises
        ------
        Refused
            When it may not come in.
        """
        return self.let_in(self.recognise(headers), scope, counted=counted)

    def recognise(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Return who sends a request by its headers, for as many requests as have the same."""
        return Caller(self._hosts.problem(headers), _digest_in(headers))

    def let_in(self, caller: Caller, scope: Scope, *, counted: bool = True) -> str:
        """Do as `admit` for a caller that was recognised."""
        if caller.problem:
            raise Refused(*caller.problem)
        return self._let_in(caller.digest, scope, counted)

    def check_key(self, headers: Mapping[bytes, bytes], scope: Scope, *, counted: bool = True) -> str:
        """Do as `admit`, but for the host, which needs no check with gRPC: no page of a browser speaks it."""
        return self._let_in(_digest_in(headers), scope, counted)

    def close(self) -> None:
        """Let go of the files."""
        self._buckets.close()

    def _let_in(self, digest: bytes, scope: Scope, counted: bool) -> str:
        ring = self._ring
        ring.look()
        if not ring.required:
            if self._options.rate and counted:
                self._count("", None, None)
            return ""
        key = self._key(digest)
        _check(key, scope)
        if counted and key.id != OWNER:
            self._count(key.id, key.rate, key.burst)
        return key.id

    def _key(self, digest: bytes) -> Key:
        if not self._ring.readable:
            raise Refused(503, "the keys of this deployment cannot be read, so nobody is let in")
        if not digest:
            raise _unknown(f"a key is needed; {_HOW}")
        key = self._ring.find_digest(digest)
        if key is None:
            raise _unknown("the key is not known here", "invalid_token")
        return key

    def _count(self, caller: str, rate: float | None, burst: int | None) -> None:
        wanted = (caller, rate, burst)
        try:
            allowance = self._allowances[wanted]
        except KeyError:
            allowance = self._allowances[wanted] = self._allowance(caller, rate, burst)
        if allowance is not None:
            wait = allowance.take()
            if wait:
                after = str(max(1, math.ceil(wait))).encode()
                whose = "this key's rate" if caller else "the rate that all callers without a key share"
                raise Refused(429, f"too many requests for {whose}", ((b"retry-after", after),))

    def _allowance(self, caller: str, rate: float | None, burst: int | None) -> Allowance | None:
        own = limit_of(rate, burst)
        limit = own or limit_of(self._options.rate, burst or self._options.burst)
        return Allowance(self._buckets, caller, limit, self._workers) if limit else None


def _digest_in(headers: Mapping[bytes, bytes]) -> bytes:
    secret = secret_in(headers)
    return hashlib.sha256(secret).digest() if secret else b""


def secret_in(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the secret that a request bears, empty when it bears none.

    Examples
    --------
    >>> secret_in({b"authorization": b"Bearer abc"}), secret_in({b"x-api-key": b"abc"})
    (b'abc', b'abc')
    """
    given = headers.get(b"authorization", b"")
    if given[:7].lower() == _BEARER:
        return given[7:].strip()
    return headers.get(b"x-api-key", b"").strip()  # a proxy in between may need the other header for itself


def _check(key: Key, scope: Scope) -> None:
    if key.revoked != math.inf:
        raise _unknown("the key was revoked", "invalid_token")
    if key.expires != math.inf and time() >= key.expires:
        raise _unknown("the key has expired", "invalid_token")
    if scope not in key.scopes:
        told = f'Bearer error="insufficient_scope", scope="{scope}"'.encode()
        raise Refused(403, f"the key is not good for {scope}", ((b"www-authenticate", told),))


def _unknown(error: str, code: str = "") -> Refused:
    told = f'Bearer error="{code}"' if code else "Bearer"
    return Refused(401, error, ((b"www-authenticate", told.encode()),))
