"""A kernel of another language: it says what it is told."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


class EchoKernel(Kernel):
    """Says what it is told; ``fail`` fails."""

    implementation = "echo"
    implementation_version = "1"
    banner = "Echo"
    language_info = {"name": "bash", "mimetype": "text/plain", "file_extension": ".txt"}  # noqa: RUF012

    async def do_execute(self, code: str, silent: bool, *_: Any, **__: Any) -> dict[str, Any]:
        if not silent:
            self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": f"{code}\n"})
        return {
            "status": "ok",
            "execution_count": self.execution_count,
            "payload": [],
            "user_expressions": {},
        }


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=EchoKernel)
