"""What kernels there are, found without importing IPython: that would cost more than a kernel's fork."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_core.paths import jupyter_path


@dataclass(frozen=True)
class NamedSpec:
    """A kernel by its name."""

    name: str
    spec: KernelSpec


def named_spec(name: str) -> NamedSpec:
    """Return a kernel by its name.

    Raises
    ------
    jupyter_client.kernelspec.NoSuchKernel
        When there is none.
    """
    ipython = Path(os.environ.get("IPYTHONDIR") or Path.home() / ".ipython")  # where kernels used to be
    folders = [*jupyter_path("kernels"), str(ipython / "kernels")]
    return NamedSpec(name, KernelSpecManager(kernel_dirs=folders).get_kernel_spec(name))
