"""A run of one step, to be killed: tells the processes that take part, then does nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from mlops_jupyter.pipelines.definition.pipeline import Step
from mlops_jupyter.pipelines.kernels.supply import Kernels


async def serve(kernels: Kernels, step: Step) -> None:
    """Run a kernel until somebody ends it."""
    manager = kernels.manager(step, os.environ, step.notebook.parent)
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=120)
    code = "import os, subprocess; print(subprocess.Popen(['sleep', '1000']).pid, os.getppid(), flush=True)"
    said: list[str] = []
    await client.execute_interactive(
        code, timeout=120, output_hook=lambda message: said.append(message["content"].get("text", ""))
    )
    child, warm = map(int, "".join(said).split())
    pids = {"step": os.getpid(), "kernel": manager.provisioner.pid, "child": child, "warm": warm}
    print(json.dumps(pids), flush=True)
    client.execute("import time; time.sleep(1000)")
    await asyncio.Event().wait()


def main() -> None:
    """Be the runner: fork a process for the step, and wait."""
    step = Step("a", Path(sys.argv[1]))
    with Kernels() as kernels:
        if os.fork() == 0:
            asyncio.run(serve(kernels, step))
        nursery = kernels._nursery
        assert nursery is not None
        print(json.dumps({"nursery": nursery.process.pid, "folder": nursery.folder}), flush=True)
        if sys.argv[2] == "again":
            os.wait()  # the step is killed
            asyncio.run(serve(kernels, step))
        signal.pause()


if __name__ == "__main__":
    main()
