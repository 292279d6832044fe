"""The verb of the agent: what goes on with no notebook open."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.verbs.pipeline_history import ledger
from mlops_jupyter.verbs.pipeline_scheduled import AgentReport
from mlops_jupyter.verbs.progress import in_notebook
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.store.workspace import Workspace

_ACTIONS: Final = ("status", "start", "stop", "run")


@verb(stage="pipeline")
def agent(
    action: Literal["status", "start", "stop", "run"] = "status",
    *,
    print_: Literal["systemd", "cron"] | None = None,
) -> AgentReport:
    """Show what the agent did last and does next, and why something failed; start or stop it.

    The agent is one background process of this workspace on this machine, for what must go on when no
    notebook is open: schedules. A verb that needs it starts it; after a crash the next one adopts what it
    left.

    Parameters
    ----------
    action : {"status", "start", "stop", "run"}
        ``start`` starts it if none lives, ``stop`` ends it while its runs go on; ``run``, in a shell, is the
        agent itself, in the foreground: for systemd or a container.
    print_ : {"systemd", "cron"}, optional
        Do nothing, and show what keeps it running on a machine with a scheduler of its own, reboots too.

    Returns
    -------
    AgentReport
        Whether it runs, what it does now, did last and does next.

    Raises
    ------
    UnavailableError
        If it does not start, with its reason.

    Examples
    --------
    >>> mlops.agent().running  # doctest: +SKIP
    True
    """
    from mlops_jupyter.pipelines.scheduling import starting
    from mlops_jupyter.pipelines.scheduling.printed import printed_agent
    from mlops_jupyter.pipelines.scheduling.status import agent_status

    if action not in _ACTIONS:
        raise UsageError(f"the action cannot be {action!r}", hint=did_you_mean(action, _ACTIONS))
    if action == "run" and in_notebook():
        raise UsageError("a notebook cannot be the agent", hint="%mlops agent start starts one beside it")
    store = ledger()
    if print_:
        return AgentReport(agent_status(store), printed_agent(store.workspace, sys.executable, print_))
    does: dict[str, Callable[[Workspace], object]] = {
        "start": starting.ensure_agent, "stop": starting.stop_agent, "run": starting.become_agent,
    }  # fmt: skip
    if action in does:
        does[action](store.workspace)
    return AgentReport(agent_status(store))
