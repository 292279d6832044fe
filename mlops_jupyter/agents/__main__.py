"""``python -m mlops_jupyter.agents --workspace .mlops``: the agent of a workspace on this host.

Started by a verb that needs it it runs behind (``--detach``) and ends when there is nothing to do for a
quarter of an hour; with ``--stays`` it is for systemd or a container, and waits while another is the agent.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter._version import __version__
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.faults import kill_point
from mlops_jupyter.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_jupyter.store.leases import Lease

log = logging.getLogger("mlops.agent")

WAIT_SECONDS = 2.0


def main(arguments: Sequence[str]) -> int:
    """Be the agent until told to end; return 0, or 1 for a workspace that cannot be used."""
    options = read(arguments)
    if not options.token:  # an agent is known by the token on its command line
        named = [*arguments, "--token", secrets.token_hex(16)]
        os.execv(sys.executable, [sys.executable, "-P", "-m", "mlops_jupyter.agents", *named])
    if options.detach:
        detach()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    try:
        work(Ledger(Workspace(options.workspace.resolve())), options)
    except MlopsError as failure:
        log.error("%s", failure)  # noqa: TRY400 - one line says it
        return failure.exit_code
    return 0


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Take the command line apart."""
    parser = argparse.ArgumentParser(prog="python -m mlops_jupyter.agents")
    parser.add_argument("--workspace", type=Path, required=True, help="the .mlops folder")
    parser.add_argument("--token", default="", help="what it is known by; made when left out")
    parser.add_argument("--detach", action="store_true", help="run behind")
    parser.add_argument("--stays", action="store_true", help="go on with nothing to do")
    return parser.parse_args(arguments)


def work(store: Ledger, options: argparse.Namespace) -> None:
    """Take the lease, and work until told to end."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    mine = leased(store, options, told)
    if mine is None:
        return
    kill_point("agent.leased")
    # not before the lease: one that does not get it ends the sooner
    from .log import Log
    from .process import Agent
    from .work import WORKS

    agent = Agent(store, mine, (*WORKS, Log) if options.detach else WORKS)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, agent.end)
    if told.is_set():
        agent.end()
    log.info("process %d looks after %s", mine.pid, store.workspace.root)
    agent.run()
    log.info("process %d ends", mine.pid)


def lease(options: argparse.Namespace) -> Lease:
    """Return the lease that this process wants."""
    import psutil

    from mlops_jupyter.store.leases import Lease, this_host

    now, started = datetime.now(UTC), psutil.Process().create_time()
    return Lease(this_host(), os.getpid(), options.token, started, now, now, __version__, options.stays)


def leased(store: Ledger, options: argparse.Namespace, told: threading.Event) -> Lease | None:
    """Take the lease; where another has it, give up, or wait for it if this one is to stay."""
    from mlops_jupyter.store.leases import take_lease

    holder = take_lease(store, mine := lease(options))
    if holder:
        waits = "; waiting to take its place" if mine.stays else ""
        log.info("process %d is the agent since %s%s", holder.pid, f"{holder.since:%F %T %Z}", waits)
    while holder and mine.stays and not told.wait(WAIT_SECONDS):
        holder = take_lease(store, mine := lease(options))
    return None if holder else mine


def detach() -> None:
    """Leave the process that started us, so that neither its end nor its terminal reaches us."""
    if os.fork():
        os._exit(0)
    os.setsid()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
