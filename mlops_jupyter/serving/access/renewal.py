"""A certificate that is renewed in its place is served to new connections, without a restart."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

EVERY = 5.0  # seconds between two looks

log = logging.getLogger("model_server")


async def keep_renewed(context: ssl.SSLContext, certificate: str, key: str, every: float = EVERY) -> None:
    """Look at the files of a certificate, again and again, and take new ones when they belong together.

    Parameters
    ----------
    context : ssl.SSLContext
        That of the listening server.
    certificate, key : str
        The PEM files it was made of.
    every : float
        Seconds between two looks.
    """
    seen = _state(certificate, key)
    while True:
        await asyncio.sleep(every)
        now = _state(certificate, key)
        if now != seen and now is not None:
            seen = now
            await _renew(context, certificate, key)


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    context.load_cert_chain(certificate, key, str)  # as the passphrase, which nobody is there to give


def _state(*paths: str) -> tuple[tuple[int, int, int], ...] | None:
    try:
        found = [Path(path).stat() for path in paths]
    except OSError:
        return None
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)


async def _renew(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Take new files after a trial: a context that was given one half of a pair would serve nobody.

    The trial may wait for a disk, so it is made in a thread. The context is changed in the event loop
    itself, where connections are made of it: OpenSSL does not allow both at once.
    """
    try:
        await asyncio.to_thread(_load, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
        _load(context, certificate, key)
    except (OSError, ssl.SSLError) as problem:
        log.warning(
            "the renewed certificate %s cannot be served with, the old one is: %s", certificate, problem
        )
    else:
        log.warning("serving with the renewed certificate %s", certificate)
