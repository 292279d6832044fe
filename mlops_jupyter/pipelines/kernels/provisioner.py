"""How jupyter_client starts the kernel of a step; imported by who starts one, for it costs half a second."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from mlops_jupyter.pipelines.kernels.forked import ForkedKernel, forked_kernel
from mlops_jupyter.pipelines.kernels.nursery import private_folder
from mlops_jupyter.pipelines.kernels.requests import ARGUMENTS, Request

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from jupyter_client.connect import KernelConnectionInfo

    from mlops_jupyter.pipelines.kernels.specs import NamedSpec

OF_IPYKERNEL = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
START = 120.0  # seconds that imports ahead may take
FIRST_LOOK, LAST_LOOK = 0.005, 0.1
LONGEST_ADDRESS = 100  # bytes of a socket's path; the system takes 103 or 107


class WarmProvisioner(LocalProvisioner):
    """Takes kernels from the nursery where there is one, and starts them itself where there is none."""

    nursery: socket.socket | None = None
    modules: tuple[str, ...] = ()
    forked: ForkedKernel | None = None
    folder: str | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Fork the kernel, or get ready to start it."""
        manager: Any = self.parent
        self.forked = await self.fork(kwargs)
        if self.forked is None:
            self.listen_privately(manager)
            return await super().pre_launch(**kwargs)
        manager.load_connection_file(self.forked.file)
        self.connection_info = manager.get_connection_info()
        return {**kwargs, "cmd": []}

    async def fork(self, asked: dict[str, Any]) -> ForkedKernel | None:
        """Return a kernel from the nursery; None where it must be started otherwise."""
        if self.nursery is None or not is_our_python(self.kernel_spec.argv):
            return None
        settings = await KernelProvisionerBase.pre_launch(self, **asked)
        arguments = tuple(asked.get("extra_arguments", ()))
        request = Request(arguments, settings["env"], str(asked["cwd"]), self.modules)
        return await forked_kernel(self.nursery, request, START)

    def listen_privately(self, manager: Any) -> None:
        """Have the kernel listen on sockets in a folder of the user's, where that can be.

        Of ports it is only known that they were free a second before the kernel takes them.
        """
        if os.name != "posix" or not is_ipykernel(self.kernel_spec):
            return
        self.folder = self.folder or private_folder()
        address = str(Path(self.folder) / "kernel")
        if len(os.fsencode(address)) <= LONGEST_ADDRESS:
            manager.transport, manager.ip, manager.cache_ports = "ipc", address, False

    async def cleanup(self, restart: bool = False) -> None:
        """Remove what the kernel was given, once it has ended for good."""
        await super().cleanup(restart)
        if self.folder and not restart:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Take the kernel that was forked, or start one."""
        if self.forked is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = self.forked  # type: ignore[assignment] # it does what a Popen is asked for here
        self.pid = self.pgid = self.forked.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


class StepKernelManager(AsyncKernelManager):
    """The kernel of one try at a step; it knows its environment and its folder."""

    environment: dict[str, str]
    folder: str

    @classmethod
    def of(
        cls,
        spec: NamedSpec,
        environment: Mapping[str, str],
        folder: Path,
        nursery: socket.socket | None = None,
        modules: tuple[str, ...] = (),
    ) -> Self:
        """Return a manager whose kernel, when it starts, has just this environment and folder."""
        manager = cls(kernel_name=spec.name)
        manager._kernel_spec = spec.spec
        manager.environment, manager.folder = dict(environment), str(folder)
        manager.provisioner = WarmProvisioner(kernel_spec=manager.kernel_spec, parent=manager)
        manager.provisioner.nursery, manager.provisioner.modules = nursery, modules
        return manager

    async def _async_pre_start_kernel(self, **settings: Any) -> tuple[list[str], dict[str, Any]]:
        # a kernel's own standard output would end among what its parent writes there
        defaults: dict[str, Any] = {
            "env": self.environment,
            "cwd": self.folder,
            "stdout": 2,
            "extra_arguments": list(ARGUMENTS) if is_ipykernel(self.kernel_spec) else [],
        }
        return await super()._async_pre_start_kernel(**(defaults | settings))

    async def _async_wait(self, pollinterval: float = LAST_LOOK) -> None:
        # a kernel that has been asked to end does so in a few milliseconds
        look = FIRST_LOOK
        while await self.is_alive():
            await asyncio.sleep(min(look, pollinterval))
            look *= 1.5


def is_ipykernel(spec: Any) -> bool:
    """Return whether a kernel's command is ipykernel's, whatever its interpreter."""
    return "ipykernel_launcher" in spec.argv


def is_our_python(command: list[str]) -> bool:
    """Return whether a kernel's command is ipykernel under this interpreter, and nothing else."""
    python, *rest = command
    same = {"python", "python3", f"python3.{sys.version_info[1]}", sys.executable}
    return python in same and rest == OF_IPYKERNEL
