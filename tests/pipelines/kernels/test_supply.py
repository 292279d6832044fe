"""Kernels of steps: what they are asked to be, and nothing left of another."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.definition.pipeline import Step
from mlops_jupyter.pipelines.kernels.supply import Kernels

if TYPE_CHECKING:
    from pathlib import Path


def notebook(folder: Path) -> Path:
    path = folder / "step.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


async def printed(kernels: Kernels, step: Step, environment: dict[str, str], cwd: Path, code: str) -> str:
    manager = kernels.manager(step, environment, cwd)
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        texts: list[str] = []
        await client.execute_interactive(
            code,
            timeout=60,
            output_hook=lambda message: texts.append(str(message["content"].get("text", ""))),
        )
        return "".join(texts)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()


def test_a_kernel_has_the_folder_and_the_environment_it_is_asked_for(tmp_path: Path):
    environment = {**os.environ, "FEATURE_FLAG": "on"}
    with Kernels() as kernels:
        step = Step("a", notebook(tmp_path))
        code = "import os; print(os.getcwd(), os.environ['FEATURE_FLAG'])"
        text = asyncio.run(printed(kernels, step, environment, tmp_path, code))
    assert text.split() == [str(tmp_path), "on"]
