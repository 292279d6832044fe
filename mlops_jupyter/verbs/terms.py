"""On which terms a deployment serves, in words: who may call, how often, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.results import Quantity
from mlops_jupyter.verbs.values import number, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.deployments.live import Live
    from mlops_jupyter.serving.options import Options

Term = tuple[str, str]
_NOT_KEPT: Final = "nothing is: no drift, no feedback"


def terms_of(live: Live, *, keyed: bool) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return the terms of what is live, and what about them wants a thought.

    Parameters
    ----------
    live : Live
        What is live.
    keyed : bool
        Whether a caller needs a key.
    """
    options = live.serving.spec.options
    return tuple(_terms(live, options, keyed=keyed)), tuple(_concerns(live, options, keyed=keyed))


def _terms(live: Live, options: Options, *, keyed: bool) -> Iterator[Term]:
    yield "callers", "those with a key" if keyed else "whoever reaches it"
    if options.rate:
        whose = "for each key" if keyed else "for all callers together"
        burst = f", {options.burst} at once" if options.burst else ""
        yield "rate", f"{number(options.rate)} requests a second {whose}{burst}"
    if live.certificate:
        names = ", ".join(live.certificate.names) or "no name"
        yield "certificate", f"for {names}, until {live.certificate.expires:%Y-%m-%d}"
    yield "requests kept", _kept(options)
    if options.grpc_port:
        yield "V2 gRPC", f"port {options.grpc_port}"


def _kept(options: Options) -> str:
    if not options.capture:
        return _NOT_KEPT
    kept = f"{number(options.capture_days)} days or {shown(Quantity(options.capture_bytes, 'B')).text}"
    hidden = (("masked", options.capture_masked), ("hashed", options.capture_hashed))
    parts = [f"{', '.join(names)} {how}" for how, names in hidden if names]
    return "; ".join([kept, *parts, "--no-capture keeps none"])


def _concerns(live: Live, options: Options, *, keyed: bool) -> Iterator[str]:
    from mlops_jupyter.serving.access.hosts import is_loopback

    host = live.record.host
    if not is_loopback(host) and not keyed:
        yield f"whoever reaches {host} may call it: mlops key create {live.record.name} changes that"
    if not is_loopback(host) and keyed and not options.tls_certificate:
        yield "keys and data cross the network in the clear: --tls-cert and --tls-key change that"
    if live.certificate and live.certificate.expires_soon:
        yield f"the certificate expires on {live.certificate.expires:%Y-%m-%d}: renew the files, then deploy"
