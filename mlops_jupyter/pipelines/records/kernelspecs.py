"""Where a kernel's interpreter is, read from its kernel.json as Jupyter finds it, without Jupyter."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.pipelines.records.contents import ABSENT
from mlops_jupyter.pipelines.records.environment import Environment, environment, installed

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.records.contents import Contents


def environment_of(kernel: str, contents: Contents) -> Environment:
    """Look at what is installed for a kernel.

    Parameters
    ----------
    kernel : str
        Its name; one that is not installed is taken for a kernel of this interpreter.
    contents : Contents
        Digests of files.

    Returns
    -------
    Environment
        Of a kernel of another language all that is known is its program.
    """
    spec = spec_of(kernel)
    program = contents.derived(spec, "program", program_of) if spec else ABSENT
    if is_ours(program):
        return environment()
    prefix = Path(program).parent.parent
    packages = installed(str(each) for each in sorted(prefix.glob("lib*/python*/site-packages")))
    return Environment({**packages, Path(program).name: contents.file(Path(program))[:12]})


def spec_of(kernel: str) -> Path | None:
    """Return the file that describes a kernel; None where there is none."""
    own = Path(sys.prefix, "share", "jupyter", "kernels", kernel, "kernel.json")
    if prefers_own() and own.exists():
        return own
    from jupyter_core.paths import jupyter_path

    ipython = Path(os.environ.get("IPYTHONDIR") or Path.home() / ".ipython", "kernels")
    folders = [*map(Path, jupyter_path("kernels")), ipython]
    found = (folder / kernel / "kernel.json" for folder in folders)
    return next((file for file in found if file.exists()), None)


def prefers_own() -> bool:
    """Whether Jupyter looks in this environment first: then its paths need not be asked for."""
    chosen = {"JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH"} & os.environ.keys()
    return sys.prefix != sys.base_prefix and not chosen


def program_of(spec: Path) -> str:
    """Return the program that a kernel's description starts; nothing when it names none."""
    try:
        words = json.loads(spec.read_text(encoding="utf-8")).get("argv")
    except (ValueError, AttributeError):
        return ABSENT
    return str(words[0]) if isinstance(words, list) and words else ABSENT


def is_ours(program: str) -> bool:
    """Whether a program is this interpreter: by its name alone, Jupyter starts the one that it runs in."""
    alone = not Path(program).is_absolute() and Path(program).name.startswith("python")
    return not program or alone or Path(program).parent == Path(sys.executable).parent
