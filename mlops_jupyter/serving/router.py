"""Which variant answers a request: the seam between the data plane and the one who decides the weights.

The app knows only these protocols. A variant is local (`local.LocalVariant`, in this process) or remote
(another process or a container); nothing but its own module knows which. A router may change its mind between
two requests, never within one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .call import Call, Outcome
    from .plain_row import AnswerRow

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
    """One version resident in a deployment.

    `quick_bytes` is the size of the largest body of our own JSON that it answers within a millisecond, so in
    the event loop itself; -1 when there is none. `answer_row` answers the most ordinary requests in fewer
    steps than `answer_now`, where a model allows for it.
    """

    slot: int
    version: str
    digest: str
    mode: Mode
    contract: Contract
    quick_bytes: int
    answer_row: AnswerRow | None

    @property
    def depth(self) -> int:
        """How many requests wait for it here."""
        ...

    def stream_now(self, call: Call) -> Callable[[], Outcome] | None:
        """Return what answers a stream of Arrow within a millisecond, or None, nothing having happened."""
        ...

    def answer_now(self, call: Call) -> Outcome | None:
        """Answer one request in this thread, or return None when that could take more than a millisecond."""
        ...

    async def respond(self, call: Call) -> Outcome:
        """Answer one request.

        Parameters
        ----------
        call : Call
            The request, its body whole and within the limits of the app.

        Returns
        -------
        Outcome
            Problems of the request, the model or the time are answers, not exceptions.
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

    def choose(self, unit: str) -> tuple[Variant, str]:
        """Return the variant for a request of a unit, and its role, by unit and weights alone.

        A request of no unit, "", goes to any of them, by chance and weights.
        """
        ...

    def find(self, name: str) -> tuple[Variant, str] | None:
        """Return the resident variant of a role or version, and its role; None when there is none."""
        ...

    def shadows(self) -> Sequence[Variant]:
        """Return the variants that get a copy of each request, and whose answers nobody sees."""
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

    def choose(self, unit: str) -> tuple[Variant, str]:  # noqa: ARG002 - whoever asks
        """Return the one variant."""
        return self.variant, "stable"

    def find(self, name: str) -> tuple[Variant, str] | None:
        """Return the one variant when it is meant."""
        return (self.variant, "stable") if name in ("stable", self.variant.version) else None

    def shadows(self) -> Sequence[Variant]:
        """Return none."""
        return ()

    def stable(self) -> Variant:
        """Return the one variant."""
        return self.variant

    def describe(self) -> dict[str, Any]:
        """Return the variants, in the form that every router gives them."""
        return {"variants": [variant_entry(self.variant, "stable", 100.0)]}


def is_ready(router: Router) -> bool:
    """Return whether requests should be sent here: it has begun and does not drain."""
    return router.ready and not router.draining


def variant_entry(variant: Variant, role: str, weight: float) -> dict[str, Any]:
    """Return one entry of ``variants`` in ``GET /health``; `weight` in percent."""
    return {
        "version": variant.version,
        "role": role,
        "weight": weight,
        "digest": variant.digest,
        "mode": variant.mode,
    }
