"""Environments of those we are compared with: built by uv, kept, built again when they are to hold others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CACHE = Path.home() / ".cache" / "mlops-jupyter-benchmarks"
BUILT = "built.json"


def built_environment(name: str, requirements: Sequence[str], folder: Path) -> Path:
    """Return the interpreter of an environment with the requirements, built when it is not there yet."""
    wanted, environment = list(requirements), folder / name
    python = environment / "bin" / "python"
    built = environment / BUILT
    if not built.exists() or json.loads(built.read_text()) != wanted:
        shutil.rmtree(environment, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        for step in (
            [*uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
            [*uv, "pip", "install", "--quiet", "--python", str(python), *wanted],
        ):
            subprocess.run(step, check=True)
        built.write_text(json.dumps(wanted))
    return python
