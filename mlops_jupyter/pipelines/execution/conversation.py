"""A kernel from its start to its end, without the fixed waits of a client that people type into."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import did_you_mean
from mlops_jupyter.pipelines.execution import local_code
from mlops_jupyter.pipelines.execution.failures import StepError, ending, of_death, plain
from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.execution.memory import kills, starved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from mlops_jupyter.pipelines.execution.memory import Look

START_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.25
HEARD_SECONDS: Final = 0.05
KEPT_BYTES: Final = 4000
KILLED: Final = -9
# What a Python kernel is to run so that it drops no output either, where we are slow to fetch them; its
# socket is its thread's alone.
DROP_NOTHING: Final = (
    "with __import__('contextlib').suppress(Exception): (lambda outputs: outputs.schedule("
    "lambda: outputs.socket.setsockopt(__import__('zmq').SNDHWM, 0)))(get_ipython().kernel.iopub_thread)\n"
)


def manager_of(make: Callable[[str], Any], name: str) -> Any:
    """Return the manager of a kernel by its name.

    Raises
    ------
    StepError
        When no kernel has that name.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        return make(name)
    except NoSuchKernel as error:
        known = did_you_mean(name, KernelSpecManager().find_kernel_specs())
        raise StepError(Failure("no kernel", f"no kernel is named {name!r}; {known}")) from error


@asynccontextmanager
async def kernel(manager: Any, patience: Callable[[], float]) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """Start a kernel; yield its client, ready to run cells, and its language; end the kernel afterwards.

    Parameters
    ----------
    manager : StepKernelManager
        Starts it.
    patience : callable
        Returns the seconds that it has for its end.

    Raises
    ------
    StepError
        When it does not start.
    """
    context = eager_context()
    client: Any = None
    with tempfile.TemporaryFile() as said:
        try:
            await start(manager, said)
            client = manager.client(context=context)
            client.start_channels(stdin=False, hb=False)
            language = await ready(client, manager, said)
            if is_python(language):
                client.execute(DROP_NOTHING + local_code.watch(), silent=True, store_history=False)
            yield client, language
        finally:
            await end(client, manager, patience())
            context.destroy(linger=0)


def eager_context() -> Any:
    """Return a context whose sockets look for the kernel without delay and never drop what it says."""
    import zmq.asyncio

    context = zmq.asyncio.Context()
    context.rcvhwm = 0
    context.reconnect_ivl = 5
    return context


async def start(manager: Any, said: Any) -> None:
    """Start the kernel's process; what it says before it listens goes to a file that nobody else sees."""
    try:
        await manager.start_kernel(stdout=said, stderr=said)
    except Exception as error:  # a kernel's own command may fail in any way
        raise StepError(Failure("no kernel", f"the kernel did not start: {error}")) from error


async def ready(client: Any, manager: Any, said: Any) -> dict[str, Any]:
    """Wait until the kernel answers and its outputs are heard; return its language."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        message = client.kernel_info()
        reply = await answer(client, manager, message, until)
        if reply is None:
            break
        if await heard(client, message):
            language: dict[str, Any] = reply["content"].get("language_info", {})
            return language
    detail = last_words(said)
    if not await manager.is_alive():
        how = ending(await exit_code(manager))
        raise StepError(Failure("no kernel", f"the kernel ended before it answered: {how}", detail=detail))
    raise StepError(Failure("no kernel", f"the kernel did not answer in {START_SECONDS:g} s", detail=detail))


async def answer(client: Any, manager: Any, message: str, until: float) -> dict[str, Any] | None:
    """Return the reply to a message; None when there comes none, or the kernel has ended."""
    while time.monotonic() < until:
        with suppress(Empty):
            reply: dict[str, Any] = await client.shell_channel.get_msg(timeout=LOOK_SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                return reply
            continue
        if not await manager.is_alive():
            break
    return None


async def heard(client: Any, message: str) -> bool:
    """Whether what the kernel says to all comes in, up to the end of one message."""
    with suppress(Empty):
        while True:
            said = await client.iopub_channel.get_msg(timeout=HEARD_SECONDS)
            ours = said["parent_header"].get("msg_id") == message
            if ours and said["content"].get("execution_state") == "idle":
                return True
    return False


def is_python(language: Mapping[str, Any]) -> bool:
    """Whether a kernel can be asked in Python."""
    return language.get("name") == "python"


async def ask(client: Any, manager: Any, language: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return which local code a Python kernel ran and what it held; nothing of others, or of a dead one."""
    if not is_python(language) or not await manager.is_alive():
        return {}
    message = client.execute(
        "", silent=True, store_history=False, user_expressions={"question": local_code.QUESTION}
    )
    reply = await answer(client, manager, message, time.monotonic() + seconds)
    return local_code.told(reply) if reply else {}


async def end(client: Any, manager: Any, seconds: float) -> None:
    """Let the kernel end as it would by hand, its ``atexit`` included; kill it when it does not."""
    try:
        if manager.has_kernel and await manager.is_alive():
            await manager.request_shutdown()
            if not await gone(manager, seconds):
                await kill(manager)
        if manager.has_kernel:
            await manager.provisioner.wait()
    finally:
        if client is not None:
            client.stop_channels()
        await manager.cleanup_resources()


async def kill(manager: Any) -> None:
    """End the kernel's process and those that it started, at once."""
    if manager.has_kernel:
        await manager.provisioner.kill()
        await gone(manager, START_SECONDS)


async def gone(manager: Any, seconds: float) -> bool:
    """Wait until the kernel's process has ended; say whether it has."""
    until, pause = time.monotonic() + seconds, 0.001
    while await manager.is_alive():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.01)
    return True


async def death(manager: Any, before: Look, last: Look) -> Failure:
    """Return why a kernel is dead."""
    code = await exit_code(manager)
    return of_death(code, code == KILLED and starved(before, last, kills()), last.held)


async def exit_code(manager: Any) -> int | None:
    """Return what the kernel's process ended with; None while that is not known."""
    code: int | None = await manager.provisioner.poll() if manager.provisioner else None
    return code


def process_id(manager: Any) -> int | None:
    """Return the kernel's process; None when there is none."""
    return getattr(manager.provisioner, "pid", None) if manager and manager.provisioner else None


def peak_bytes(manager: Any) -> int:
    """Return the most memory that an ended kernel had held, where whoever started it was told."""
    return int(getattr(getattr(manager.provisioner, "process", None), "peak_bytes", 0))


def last_words(said: Any) -> str:
    """Return the end of what a kernel's process printed."""
    said.seek(0)
    return plain(said.read()[-KEPT_BYTES:].decode(errors="replace")).strip()
