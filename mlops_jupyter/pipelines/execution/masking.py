"""Secrets taken out of what is written: a step's secrets are known, so each is looked for by its value."""

from __future__ import annotations

import base64
import html
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

from mlops_jupyter.errors import MlopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK: Final = "***"
SHORT: Final = 4


@dataclass(frozen=True)
class Mask:
    """Replaces secrets.

    Parameters
    ----------
    pattern : re.Pattern or None
        Finds them; None where there are none.
    """

    pattern: re.Pattern[str] | None = None

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        return self.pattern.sub(MASK, text) if self.pattern else text

    def tree(self, value: Any) -> Any:
        """Return JSON without secrets, keys included; what has none is returned as it is."""
        if self.pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            kept = {self.text(key): self.tree(each) for key, each in value.items()}
            return type(value)(kept)
        return [self.tree(each) for each in value] if isinstance(value, list | tuple) else value


def mask_of(declared: Iterable[str], others: Iterable[str] = ()) -> Mask:
    """Return what masks the secrets that a step may read.

    Parameters
    ----------
    declared : iterable of str
        References.
    others : iterable of str
        What may be references too; what is at none of them is no secret.

    Raises
    ------
    MlopsError
        When a declared one cannot be found.
    """
    declared, others = list(declared), list(others)
    if not declared and not others:
        return Mask()
    from mlops_jupyter.pipelines.definition.secrets import resolve_secret

    secrets = [resolve_secret(reference) for reference in declared]
    for reference in others:
        with suppress(MlopsError):
            secrets.append(resolve_secret(reference))
    return masking(secrets)


def masking(secrets: Iterable[str]) -> Mask:
    """Return what masks these secrets, however they are written.

    Examples
    --------
    >>> masking(["hunter2!"]).text("user:hunter2! and hunter2%21 and aHVudGVyMiE=")
    'user:*** and *** and ***'
    """
    found = {form for secret in secrets for form in forms(secret)}
    longest_first = sorted(found, key=lambda form: (-len(form), form))
    return Mask(re.compile("|".join(map(guarded, longest_first)))) if found else Mask()


def guarded(form: str) -> str:
    """Return the pattern of a form; a short one counts only where it stands alone, or all would be masks."""
    return re.escape(form) if len(form) >= SHORT else rf"(?<!\w){re.escape(form)}(?!\w)"


def forms(secret: str) -> Iterator[str]:
    """Yield how a secret may be written: plain, line by line, quoted for code, JSON, HTML, URLs, base64."""
    for part in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        if part:
            yield part
            yield repr(part)[1:-1]
            yield json.dumps(part)[1:-1]
            yield html.escape(part)
            yield from (quote(part, safe=""), quote(part), quote_plus(part))
    if len(secret) >= SHORT:
        yield from encoded(secret.encode())


def encoded(secret: bytes) -> Iterator[str]:
    """Yield what base64 makes of a secret, alone and at each of its three places in something longer."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode()
        for place in range(3):
            inside = encode(b"\0" * place + secret)
            # the letters that do not depend on what stands before or behind
            last = (place + len(secret)) * 8 // 6
            kept = inside[-(-place * 8 // 6) : last].decode()
            if len(kept) >= 2 * SHORT:
                yield kept
