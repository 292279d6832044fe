"""Secrets by reference: ``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USER``; never what they hold."""

from __future__ import annotations

import os
import re
import stat
import warnings
from pathlib import Path
from typing import Final

from mlops_jupyter.errors import NotFoundError, UnavailableError, UsageError, did_you_mean

KINDS: Final = ("env", "file", "keyring")
FORMS: Final = "write env:NAME, file:PATH or keyring:SERVICE/USER"
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def checked_reference(reference: object, folder: Path | None = None) -> str:
    """Return a reference in full, its file's path absolute; nothing is resolved.

    Parameters
    ----------
    reference : object
        What was written.
    folder : Path or None
        What the path of ``file:`` is relative to; None leaves it as it is.

    Raises
    ------
    UsageError
        When it is none. The message does not repeat it: it may be the secret itself.

    Examples
    --------
    >>> checked_reference("env:API_TOKEN")
    'env:API_TOKEN'
    """
    kind, colon, name = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if not colon or kind not in KINDS or not name.strip():
        raise UsageError("this is no reference to a secret", "a secret itself is never written here", FORMS)
    if kind == "env" and not VARIABLE.fullmatch(name):
        raise UsageError("what follows env: is no name of a variable", hint="write env:API_TOKEN")
    if kind == "keyring" and not all(name.partition("/")):
        raise UsageError(f"keyring:{name} names no user", hint="write keyring:SERVICE/USER")
    if kind == "file" and folder is not None:
        return f"file:{(folder / Path(name).expanduser()).as_posix()}"
    return f"{kind}:{name}"


def resolve_secret(reference: str) -> str:
    """Return what a reference stands for.

    Parameters
    ----------
    reference : str
        ``env:NAME``, ``file:PATH`` (the newline at its end is no part of it) or ``keyring:SERVICE/USER``.

    Raises
    ------
    NotFoundError
        When there is nothing at the reference.
    UnavailableError
        When there is no keyring.
    """
    kind, _, name = checked_reference(reference).partition(":")
    return {"env": _variable, "file": _file, "keyring": _keyring}[kind](name)


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        near = did_you_mean(name, os.environ) if value is None else ""
        hint = f"export {name} first" + (f", or {near}" if near.startswith("did") else "")
        raise NotFoundError(f"secret env:{name} is {'empty' if value == '' else 'not set'}", hint=hint)
    return value


def _file(name: str) -> str:
    path = Path(name).expanduser()
    try:
        mode, value = (
            path.stat().st_mode,
            path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r"),
        )
    except UnicodeDecodeError:
        raise UsageError(f"secret file:{name} is no text in UTF-8") from None
    except OSError as error:
        raise NotFoundError(
            f"secret file:{name} cannot be read", (error.strerror or str(error)).lower()
        ) from None
    if not value:
        raise NotFoundError(f"secret file:{name} is empty")
    if os.name == "posix" and mode & OTHERS:
        warnings.warn(
            f"secret file:{name} can be read by others: chmod 600 {name}", UserWarning, stacklevel=3
        )
    return value


def _keyring(name: str) -> str:
    service, _, user = name.rpartition("/")
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise UnavailableError(
            f"secret keyring:{name}: keyring is not installed", hint="pip install 'mlops_jupyter[keyring]'"
        ) from None
    try:
        value = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise UnavailableError(f"secret keyring:{name}", f"the keyring does not answer ({error})") from None
    if not value:
        raise NotFoundError(f"secret keyring:{name} is not there", hint=f"keyring set {service} {user}")
    return value
