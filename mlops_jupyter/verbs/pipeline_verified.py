"""Whether a pipeline gives the same when it is run again, and where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter.verbs.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.verbs.results import Block


@dataclass(frozen=True)
class VerifyReport(Result):
    """Whether each step of a pipeline is reproducible.

    Parameters
    ----------
    pipeline : str
        Which pipeline.
    found : Verification
        What was found, step by step.
    """

    pipeline: str
    found: Any

    @property
    def reproducible(self) -> bool:
        """Whether every step gave the same twice."""
        return bool(self.found.reproducible)

    @property
    def headline(self) -> str:
        """Whether it is, and which step is not."""
        return f"{self.pipeline} is {'' if self.reproducible else 'not '}reproducible"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a step."""
        return ()
