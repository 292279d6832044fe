"""Real kernels to talk with."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.pipelines.definition.pipeline import Step
from mlops_jupyter.pipelines.kernels.supply import Kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LIMIT = 120.0


@dataclass
class Talk:
    """A kernel that runs, and how to talk with it."""

    manager: Any
    client: Any
    texts: list[str] = field(default_factory=list)

    async def run(self, code: str) -> str:
        """Run code; return what it said, errors included."""
        self.texts.clear()
        await self.client.execute_interactive(code, timeout=LIMIT, output_hook=self.hear)
        return "".join(self.texts)

    def hear(self, message: dict[str, Any]) -> None:
        content = message["content"]
        said = content.get("text") or content.get("evalue") or content.get("data", {}).get("text/plain", "")
        self.texts.append(said)

    async def read(self, code: str) -> Any:
        """Return the JSON that code prints."""
        return json.loads(await self.run(code))


async def talked(manager: Any, work: Callable[[Talk], Any]) -> Any:
    """Return what `work` returns, done with a kernel that is started for it and ended after it."""
    manager.shutdown_wait_time = LIMIT  # on a busy machine, too, it ends by itself
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=LIMIT)
        return await work(Talk(manager, client))
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()


@dataclass(frozen=True)
class Notebooks:
    """A folder with a notebook, kernels for it, and their environment."""

    folder: Path
    kernels: Kernels
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def step(self, *warm: str, **fields: Any) -> Step:
        return Step("a", self.folder / "step.ipynb", warm=warm, **fields)

    def manager(self, *warm: str, fresh: bool = False, **where: Any) -> Any:
        wanted = {"environment": self.environment, "cwd": self.folder} | where
        return self.kernels.manager(self.step(*warm, fresh=fresh), **wanted)

    async def talked(self, work: Callable[[Talk], Any], *warm: str, **where: Any) -> Any:
        """Return what comes of a talk with a new kernel, while others run."""
        return await talked(self.manager(*warm, **where), work)

    def talk(self, work: Callable[[Talk], Any], *warm: str, **where: Any) -> Any:
        """Return what comes of a talk with a new kernel."""
        return asyncio.run(talked(self.manager(*warm, **where), work))

    def say(self, code: str, *warm: str, **where: Any) -> str:
        """Return what code says in a new kernel."""
        return str(self.talk(lambda talk: talk.run(code), *warm, **where))

    def read(self, code: str, *warm: str, **where: Any) -> Any:
        """Return the JSON that code prints in a new kernel."""
        return self.talk(lambda talk: talk.read(code), *warm, **where)

    def read_on_ports(self, code: str) -> Any:
        """Return the JSON that code prints in a new kernel that listens where Jupyter has it listen."""
        manager = self.manager()
        manager.provisioner.listen_privately = lambda _: None
        return asyncio.run(talked(manager, lambda talk: talk.read(code)))


def with_notebook(folder: Path) -> Path:
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "step.ipynb").write_text(json.dumps(notebook))
    return folder


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory):
    """Kernels that are forked where they may be."""
    with Kernels() as kernels:
        yield Notebooks(with_notebook(tmp_path_factory.mktemp("forked")), kernels)


@pytest.fixture(scope="session")
def fresh(forked: Notebooks):
    """Kernels that start from nothing, in the same folder."""
    with Kernels(forks=False) as kernels:
        yield Notebooks(forked.folder, kernels, forked.environment)
