"""How jupyter_client starts the kernel of a step; imported by who starts one, for it costs half a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class WarmProvisioner(LocalProvisioner):
    """Takes kernels from a warm process where there is one, and starts them itself where there is none."""


class StepKernelManager(AsyncKernelManager):
    """The kernel of one try at a step; it knows its environment and its folder."""

    environment: dict[str, str]
    folder: str

    @classmethod
    def of(cls, name: str, environment: Mapping[str, str], folder: Path) -> Self:
        """Return a manager whose kernel, when it starts, has just this environment and folder."""
        manager = cls(kernel_name=name)
        manager.environment, manager.folder = dict(environment), str(folder)
        return manager

    async def _async_pre_start_kernel(self, **settings: Any) -> tuple[list[str], dict[str, Any]]:
        self.provisioner = self.provisioner or WarmProvisioner(
            kernel_id=self.kernel_id or "", kernel_spec=self.kernel_spec, parent=self
        )
        defaults = {"env": self.environment, "cwd": self.folder}
        return await super()._async_pre_start_kernel(**(defaults | settings))
