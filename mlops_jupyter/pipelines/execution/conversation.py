"""A kernel from its start to its end, without the fixed waits of a client that people type into."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.pipelines.execution.failures import StepError, ending
from mlops_jupyter.pipelines.execution.job import Failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

START_SECONDS: Final = 120.0
END_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.25
HEARD_SECONDS: Final = 0.05


@asynccontextmanager
async def kernel(manager: Any, environment: Mapping[str, str], folder: str) -> AsyncIterator[Any]:
    """Start a kernel and yield its client, ready to run cells; end the kernel afterwards.

    Raises
    ------
    StepError
        When it does not start.
    """
    client: Any = None
    try:
        try:
            await manager.start_kernel(env=dict(environment), cwd=folder)
        except Exception as failure:  # whatever a kernel's own command may raise
            raise StepError(Failure("no kernel", f"the kernel did not start: {failure}")) from failure
        client = manager.client()
        client.start_channels(stdin=False, hb=False)
        await ready(client, manager)
        yield client
    finally:
        await end(client, manager)


async def ready(client: Any, manager: Any, seconds: float = START_SECONDS) -> None:
    """Wait until the kernel answers and its outputs are heard."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        message = client.kernel_info()
        await answer(client, manager, message, until)
        if await heard(client, message):
            return
    raise StepError(Failure("no kernel", f"the kernel did not answer within {seconds:g} s"))


async def answer(client: Any, manager: Any, message: str, until: float) -> dict[str, Any]:
    """Return the reply to a message, while the kernel lives."""
    while time.monotonic() < until:
        with suppress(Empty):
            reply: dict[str, Any] = await client.shell_channel.get_msg(timeout=LOOK_SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                return reply
            continue
        if not await manager.is_alive():
            code = await exit_code(manager)
            raise StepError(Failure("no kernel", f"the kernel ended before it answered: {ending(code)}"))
    raise StepError(Failure("no kernel", "the kernel did not answer in time"))


async def heard(client: Any, message: str) -> bool:
    """Whether what the kernel says to all, of one message, comes in to its end."""
    with suppress(Empty):
        while True:
            said = await client.iopub_channel.get_msg(timeout=HEARD_SECONDS)
            ours = said["parent_header"].get("msg_id") == message
            if ours and said["content"].get("execution_state") == "idle":
                return True
    return False


async def end(client: Any, manager: Any) -> None:
    """Let the kernel end as it would by hand, its ``atexit`` included; kill it when it does not."""
    try:
        if manager.has_kernel and await manager.is_alive():
            await manager.request_shutdown()
            if not await gone(manager, END_SECONDS):
                await manager.shutdown_kernel(now=True)
        if manager.has_kernel:
            await manager.provisioner.wait()
    finally:
        if client is not None:
            client.stop_channels()
        await manager.cleanup_resources()


async def gone(manager: Any, seconds: float) -> bool:
    """Wait until the kernel's process has ended; say whether it has."""
    until, pause = time.monotonic() + seconds, 0.002
    while await manager.is_alive():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True


async def exit_code(manager: Any) -> int | None:
    """Return what the kernel's process ended with; None while that is not known."""
    if manager.provisioner is None:
        return None
    code: int | None = await manager.provisioner.poll()
    return code
