"""What a deploy asks of the server: checked when it is asked, remembered until it is asked anew.

It is remembered where the server reads it, in the generation that serves, so a rollback takes it from there
and a deploy that failed leaves nothing behind.
"""

from __future__ import annotations

import json
import re
import typing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import RefusedError, UsageError, did_you_mean
from mlops_jupyter.serving.access.hosts import is_loopback
from mlops_jupyter.serving.options import ExtraColumns

from .certificates import check_certificate
from .folder import deployment_names, read_serving
from .keys import has_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_jupyter.serving.options import Options

    from .certificates import Certificate

OFF = "off"  # written in place of a path
_UNIT = re.compile(r"(header|cookie|field):(\S.*)")
_SEVERAL = ("capture_masked", "capture_hashed", "hosts")


def asked_options(**given: Any) -> dict[str, Any]:
    """Return what was asked, each value checked by itself; None counts as not asked.

    Parameters
    ----------
    **given
        Fields of `Options`; 0 takes back a rate, a burst or a port, ``off`` a certificate.

    Raises
    ------
    UsageError
        For a value it cannot have.

    Examples
    --------
    >>> asked_options(unit="header:X-User", rate=0, cache=None)
    {'unit': 'header:x-user', 'rate': None}
    """
    return {name: _checked(name, value) for name, value in given.items() if value is not None}


def merged_options(before: Options, asked: Mapping[str, Any]) -> Options:
    """Return what is asked now of a deployment that served with `before`.

    Raises
    ------
    UsageError
        When the parts do not fit together.
    """
    options = replace(before, **asked)
    if "tls_certificate" in asked and "tls_key" not in asked:
        options = replace(options, tls_key=options.tls_certificate)  # both are in one file, or TLS is off
    if options.tls_certificate and not options.tls_key:
        options = replace(options, tls_key=options.tls_certificate)  # --tls-key off: in no file of its own
    if options.tls_key and not options.tls_certificate:
        raise UsageError("--tls-key is of no use without --tls-cert")
    both = set(options.capture_masked) & set(options.capture_hashed)
    if both:
        raise UsageError(f"{', '.join(sorted(both))} cannot be masked and hashed both")
    return options


def check_columns(asked: Mapping[str, Any], package: Path) -> None:
    """Refuse to mask or hash a column that a package's model does not have."""
    schema = json.loads((package / "model" / "feature_schema.json").read_bytes())
    known = [column["name"] for column in schema["input"].get("columns", ())]
    for name in (*asked.get("capture_masked", ()), *asked.get("capture_hashed", ())):
        if name not in known:
            raise UsageError(f"the model has no column {name!r}", hint=did_you_mean(name, known))


def check_open(name: str, host: str, options: Options, folder: Path) -> None:
    """Refuse to answer anyone who can reach the machine, unless that was said.

    Raises
    ------
    RefusedError
        When a deployment would listen beyond loopback without any key.
    """
    if not is_loopback(host) and not options.insecure and not has_keys(folder):
        hint = f"make a key first: mlops key create {name}; or say --insecure"
        raise RefusedError(f"{name} would answer everybody who reaches {host}", hint=hint)


def check_grpc_port(options: Options, folder: Path) -> None:
    """Refuse the port for gRPC of another deployment: the system would let both listen, and share it out.

    Raises
    ------
    RefusedError
        When another deployment of this workspace has it.
    """
    if options.grpc_port is None:
        return
    for other in deployment_names(folder.parent):
        serving = read_serving(folder.parent / other) if other != folder.name else None
        if serving and serving.spec.options.grpc_port == options.grpc_port:
            raise RefusedError(f"{other} answers gRPC on port {options.grpc_port}", hint="take another port")


def check_tls(options: Options) -> Certificate | None:
    """Return the certificate to serve with, if any, after a look whether that can be done."""
    if options.tls_certificate is None:
        return None
    return check_certificate(options.tls_certificate, options.tls_key or options.tls_certificate)


def _checked(name: str, value: Any) -> Any:
    if name in _SEVERAL:
        return (value,) if isinstance(value, str) else tuple(map(str, value))
    check = _CHECKS.get(name)
    return check(name, value) if check else value


def _extra_columns(_: str, value: str) -> str:
    known = typing.get_args(ExtraColumns)
    if value not in known:
        raise UsageError(f"--extra-columns cannot be {value!r}", hint=did_you_mean(value, known))
    return value


def _unit(_: str, value: str) -> str:
    parts = _UNIT.fullmatch(value)
    if not parts:
        hint = "header:NAME, cookie:NAME or field:NAME"
        raise UsageError(f"--unit cannot be {value!r}", hint=hint)
    kind, name = parts.groups()
    return f"{kind}:{name.lower() if kind == 'header' else name}"


def _path(_: str, value: str) -> str | None:
    return None if value == OFF else str(Path(value).expanduser().resolve())


def _within(low: float, high: float, *, off: bool = False) -> Callable[[str, Any], Any]:
    """Return a check that a number lies between two; with `off`, 0 takes it back."""

    def check(name: str, value: Any) -> Any:
        if off and value == 0:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            also = " or 0 for none" if off else ""
            hint = f"{low:g} to {high:,.0f}{also}"
            raise UsageError(f"--{name.replace('_', '-')} cannot be {value!r}", hint=hint)
        return value

    return check


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "unit": _unit,
    "extra_columns": _extra_columns,
    "timeout": _within(0.01, 3600),
    "concurrency": _within(0, 1024),
    "queue": _within(0, 100_000),
    "cache": _within(0, 1_000_000),
    "capture_days": _within(0.01, 3650),
    "capture_bytes": _within(1_000_000, 1e15),
    "rate": _within(0.001, 1e6, off=True),
    "burst": _within(1, 1e6, off=True),
    "grpc_port": _within(1, 65535, off=True),
    "tls_certificate": _path,
    "tls_key": _path,
}
