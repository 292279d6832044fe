"""The verb of the agent: what goes on with no notebook open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_jupyter.verbs.results import Result
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.verbs.results import Block


@dataclass(frozen=True)
class AgentReport(Result):
    """What the agent did last and does next."""

    @property
    def headline(self) -> str:
        """Whether it runs."""
        return "no agent runs here"

    def blocks(self) -> Iterable[Block]:
        """Yield nothing yet."""
        return ()


@verb(stage="pipeline")
def agent() -> AgentReport:
    """Show what the agent did last and does next, and why something failed.

    Returns
    -------
    AgentReport
        The agent.

    Examples
    --------
    >>> mlops.agent()  # doctest: +SKIP
    """
    return AgentReport()
