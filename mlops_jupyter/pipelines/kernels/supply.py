"""Where a run gets the kernels of its steps from: a fresh one for each, started as fast as is honest."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Self

from mlops_jupyter.pipelines.kernels.nursery import begin_nursery, end_nursery
from mlops_jupyter.pipelines.kernels.requests import ARGUMENTS, Request, ask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Step
    from mlops_jupyter.pipelines.kernels.nursery import Nursery
    from mlops_jupyter.pipelines.kernels.provisioner import StepKernelManager
    from mlops_jupyter.pipelines.kernels.specs import NamedSpec

PLAIN_PYTHON = "python3"


def kernel_name(step: Step) -> str:
    """Return the name of the kernel that a step asks for: its own, else its notebook's."""
    if step.kernel:
        return step.kernel
    metadata: dict[str, Any] = json.loads(step.notebook.read_text(encoding="utf-8")).get("metadata", {})
    return str(metadata.get("kernelspec", {}).get("name", PLAIN_PYTHON))


def imported_ahead(step: Step, cwd: Path) -> tuple[str, ...]:
    """Return what to import ahead of a step: nothing that a file beside its notebook would hide."""
    return tuple(module for module in step.warm if not _is_beside(module.partition(".")[0], cwd))


def _is_beside(name: str, cwd: Path) -> bool:
    return (cwd / name).is_dir() or any(cwd.glob(f"{name}.*"))


class Kernels:
    """The kernels of one run; made by the process that runs it, used by those that run its steps.

    Parameters
    ----------
    ahead : int
        How many kernels are got ready before a step asks for them.
    forks : bool
        Whether kernels may be forked from a process that has imported what they import. Without, each starts
        from nothing.

    Examples
    --------
    >>> with Kernels(forks=False) as kernels:
    ...     kernels.forks
    False
    """

    def __init__(self, ahead: int = 1, *, forks: bool = True) -> None:
        self.ahead = ahead
        self._specs: dict[str, NamedSpec] = {}
        self._nursery: Nursery | None = begin_nursery() if forks else None

    @property
    def forks(self) -> bool:
        """Whether kernels are forked, where their step allows it."""
        return self._nursery is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self, step: Step, environment: Mapping[str, str], cwd: Path) -> None:
        """Begin what can be done before a step's kernel is asked for; returns at once.

        Parameters
        ----------
        step, environment, cwd
            As they will be given to `manager`. Variables whose names begin with ``MLOPS_`` may differ.
        """
        nursery = self._nursery_for(step, environment)
        if nursery and self.ahead:
            modules = imported_ahead(step, cwd)
            request = Request(ARGUMENTS, dict(environment), str(cwd), modules, ahead=True)
            with contextlib.suppress(OSError):  # the nursery has ended: kernels start without it
                ask(nursery.link, request).close()
        with contextlib.suppress(Exception):  # whatever is wrong is told when the kernel is asked for
            self._manager(step, environment, cwd)

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
        return self._manager(step, environment, cwd)

    def _manager(self, step: Step, environment: Mapping[str, str], cwd: Path) -> StepKernelManager:
        from mlops_jupyter.pipelines.kernels.provisioner import StepKernelManager

        nursery = self._nursery_for(step, environment)
        link = nursery.link if nursery else None
        spec = self._spec(kernel_name(step))
        return StepKernelManager.of(spec, environment, cwd, link, imported_ahead(step, cwd))

    def _spec(self, name: str) -> NamedSpec:
        """Return what is known of a kernel; looked up once, best by who is forked later."""
        from mlops_jupyter.pipelines.kernels.specs import named_spec

        if name not in self._specs:
            self._specs[name] = named_spec(name)
        return self._specs[name]

    def _nursery_for(self, step: Step, environment: Mapping[str, str]) -> Nursery | None:
        suits = self._nursery is not None and not step.fresh and self._nursery.suits(environment)
        return self._nursery if suits else None

    def close(self) -> None:
        """End what was started here, kernels that still run with it."""
        if self._nursery:
            end_nursery(self._nursery)
        self._nursery = None
