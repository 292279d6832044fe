"""Which variant answers a request: the seam between the data plane and the one who decides the weights.

The app knows only these protocols. A variant is local (`local.LocalVariant`, in this process) or remote
(another process or a container); nothing but its own module knows which. A router may change its mind between
two requests, never within one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

Mode = Literal["local", "remote"]


@dataclass(frozen=True)
class Contract:
    """What the callers of a version rely on, as its verified package says it.

    Parameters
    ----------
    model : str
        The registered model's name.
    schema : dict
        ``model/feature_schema.json``.
    serving : dict
        ``config/serving_config.yaml``: limits, decision threshold.
    """

    model: str
    schema: dict[str, Any] = field(repr=False)
    serving: dict[str, Any] = field(repr=False)


class Variant(Protocol):
    """One version resident in a deployment."""

    slot: int
    version: str
    digest: str
    mode: Mode
    contract: Contract

    async def respond(
        self, body: bytes, content_type: str, role: str, prediction_id: str
    ) -> tuple[int, bytes]:
        """Answer one request for predictions.

        Parameters
        ----------
        body : bytes
            The request's body, whole, within the limits of the app.
        content_type : str
            Its media type as sent, empty if none was.
        role : str
            ``stable``, ``candidate`` or ``shadow``: what this variant is for this request.
        prediction_id : str
            Given to the answer, so that a caller can refer to it.

        Returns
        -------
        tuple of int and bytes
            HTTP status and JSON body. Problems of the request or the model are answers, not exceptions.
        """
        ...


class Router(Protocol):
    """The variants of one generation, and who gets the next request."""

    @property
    def variants(self) -> Sequence[Variant]:
        """All resident variants."""
        ...

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here: ``GET /ready`` answers 200 or 503 by it."""
        ...

    @property
    def draining(self) -> bool:
        """Whether connections should end: when true every response carries ``Connection: close``."""
        ...

    def choose(self) -> tuple[Variant, str]:
        """Return the variant for the next request, and its role."""
        ...

    def stable(self) -> Variant:
        """Return the variant whose contract ``/schema`` and ``/docs`` show."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what ``GET /health`` tells beside ``status``: deployment, generation, pid, variants, …."""
        ...


@dataclass(frozen=True)
class SingleRouter:
    """One variant, always stable: a package that serves itself."""

    variant: Variant
    ready: bool = True
    draining: bool = False

    @property
    def variants(self) -> Sequence[Variant]:
        """The one variant."""
        return (self.variant,)

    def choose(self) -> tuple[Variant, str]:
        """Return the one variant."""
        return self.variant, "stable"

    def stable(self) -> Variant:
        """Return the one variant."""
        return self.variant

    def describe(self) -> dict[str, Any]:
        """Return the variants, in the form that every router gives them."""
        return {"variants": [variant_entry(self.variant, "stable", 100.0)]}


def variant_entry(variant: Variant, role: str, weight: float) -> dict[str, Any]:
    """Return one entry of ``variants`` in ``GET /health``; `weight` in percent."""
    return {
        "version": variant.version,
        "role": role,
        "weight": weight,
        "digest": variant.digest,
        "mode": variant.mode,
    }
