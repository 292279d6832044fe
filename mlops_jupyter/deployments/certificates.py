"""Whether a certificate can be served with: looked at before anything is started with it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.errors import UsageError

if TYPE_CHECKING:
    from cryptography import x509

SOON = timedelta(days=21)
_LARGEST = 1 << 20  # bytes; what is larger is no certificate


@dataclass(frozen=True)
class Certificate:
    """A certificate that can be served with.

    Parameters
    ----------
    names : tuple of str
        The names and addresses it is for.
    expires : datetime
        Until when it is good.
    """

    names: tuple[str, ...]
    expires: datetime

    @property
    def expires_soon(self) -> bool:
        """Whether it is time to renew it."""
        return self.expires - datetime.now(UTC) < SOON


def check_certificate(certificate: str, key: str) -> Certificate:
    """Return what a certificate says, when a server can use it.

    Parameters
    ----------
    certificate, key : str
        Paths of PEM files; the same when one holds both.

    Raises
    ------
    UsageError
        When one is missing, they do not belong together, the key has a passphrase, or it is not in force.
    """
    leaf = _leaf(certificate)
    _check_in_force(certificate, leaf)
    _check_pair(certificate, key)
    return Certificate(_names(leaf), leaf.not_valid_after_utc)


def same_certificate(path: str, der: bytes) -> bool:
    """Whether a certificate in DER is the first of a PEM file."""
    try:
        pem = Path(path).read_text("latin-1")  # what stands around a certificate may be in any letters
        return ssl.PEM_cert_to_DER_cert(_first(pem)) == der
    except (OSError, ValueError):
        return False


def _first(pem: str) -> str:
    begin, end = pem.find(ssl.PEM_HEADER), pem.find(ssl.PEM_FOOTER)
    return pem[begin : end + len(ssl.PEM_FOOTER)]


def _leaf(path: str) -> x509.Certificate:
    from cryptography import x509

    data = _read(path, "certificate")
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except (ValueError, IndexError):
        raise UsageError(f"{path} is not a certificate in PEM") from None


def _read(path: str, what: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return stream.read(_LARGEST)
    except OSError as problem:
        raise UsageError(f"the {what} {path} cannot be read", problem.strerror or "") from None


def _check_in_force(path: str, leaf: x509.Certificate) -> None:
    now = datetime.now(UTC)
    if leaf.not_valid_after_utc <= now:
        raise UsageError(f"the certificate {path} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if leaf.not_valid_before_utc > now:
        begins = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise UsageError(f"the certificate {path} is not in force before {begins}")


def _check_pair(certificate: str, key: str) -> None:
    """Let OpenSSL take the two, as the server will."""
    _read(key, "key")
    asked = False

    def passphrase() -> str:
        nonlocal asked
        asked = True
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, passphrase)
    except ssl.SSLError as problem:
        if asked:
            hint = "the server starts with nobody to ask: give a key without one, readable by you only"
            raise UsageError(f"the key {key} has a passphrase", hint=hint) from None
        if problem.reason == "KEY_VALUES_MISMATCH":
            raise UsageError(f"the key {key} is not that of the certificate {certificate}") from None
        why = (problem.reason or str(problem)).replace("_", " ").lower()
        raise UsageError(f"the certificate {certificate} and the key {key} cannot be used", why) from None


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(name.value) for name in common)
    return (
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    )
