"""Where a run gets the kernels of its steps from: a fresh one for each, started as fast as is honest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Step
    from mlops_jupyter.pipelines.kernels.provisioner import StepKernelManager

PLAIN_PYTHON = "python3"


def kernel_name(step: Step) -> str:
    """Return the name of the kernel that a step asks for: its own, else its notebook's."""
    if step.kernel:
        return step.kernel
    metadata: dict[str, Any] = json.loads(step.notebook.read_text(encoding="utf-8")).get("metadata", {})
    return str(metadata.get("kernelspec", {}).get("name", PLAIN_PYTHON))


class Kernels:
    """The kernels of one run; made by the process that runs it, used by those that run its steps.

    Parameters
    ----------
    ahead : int
        How many kernels are started before a step asks, where they cannot be forked.
    """

    def __init__(self, ahead: int = 1) -> None:
        self.ahead = ahead

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self, step: Step, environment: Mapping[str, str], cwd: Path) -> None:
        """Begin what can be done before a step's kernel is asked for; returns at once.

        Parameters
        ----------
        step, environment, cwd
            As they will be given to `manager`. Variables that are not known yet may be left out of
            `environment` when their names begin with ``MLOPS_``.
        """

    def manager(self, step: Step, environment: Mapping[str, str], cwd: Path) -> StepKernelManager:
        """Return the manager of a kernel for one try at a step, not yet started.

        Parameters
        ----------
        step : Step
            What is to run.
        environment : mapping of str to str
            All of the kernel's environment.
        cwd : Path
            The folder it works in.

        Returns
        -------
        StepKernelManager
            A `jupyter_client.AsyncKernelManager` that starts in `cwd` with `environment` unless it is told
            otherwise. Who starts it shuts it down.
        """
        from mlops_jupyter.pipelines.kernels.provisioner import StepKernelManager

        return StepKernelManager.of(kernel_name(step), environment, cwd)

    def close(self) -> None:
        """End what was started ahead; kernels of steps that run are not touched."""
