"""An environment of a package's own pins, made once and shared by all packages with the same ones."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from mlops_jupyter.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_MADE = "made"  # written last: an environment without it was not finished
_LONGEST = 1800.0


def isolated_python(root: Path, package: Path, report: Callable[[str], None]) -> str:
    """Return the interpreter of an environment that has exactly what a package pins.

    Parameters
    ----------
    root : Path
        Where environments are kept, by the hash of their pins.
    package : Path
        The verified package.
    report : callable
        Told when an environment has to be made, which takes a minute.

    Raises
    ------
    UnavailableError
        When uv is not installed, or cannot install the pins.
    """
    pins = (package / "requirements.txt").read_bytes()
    key = hashlib.sha256(
        pins + f"python {sys.version_info.major}.{sys.version_info.minor}".encode()
    ).hexdigest()
    folder = root / key[:16]
    python = folder / "bin" / "python"
    if (folder / _MADE).exists():
        return str(python)
    uv = _find_uv()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with filelock.FileLock(root / f"{key[:16]}.lock", timeout=_LONGEST):
        if not (folder / _MADE).exists():
            report("environment")
            _make(uv, folder, python, package / "requirements.txt", hashed=b"--hash=" in pins)
    return str(python)


def _find_uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        hint = "pip install uv, or deploy without --isolated"
        raise UnavailableError("an isolated deployment needs uv, which is not installed", hint=hint)
    return found


def _make(uv: str, folder: Path, python: Path, pins: Path, *, hashed: bool) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
    hashes = ["--require-hashes"] if hashed else []
    _run(uv, "pip", "install", "--quiet", "--python", str(python), *hashes, "--requirement", str(pins))
    (folder / _MADE).touch()


def _run(*command: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, capture_output=True, text=True, env=clean, timeout=_LONGEST, check=False)
    if done.returncode:
        why = " ".join(done.stderr.split())[-400:]
        raise UnavailableError(f"uv could not make the isolated environment ({command[1]})", why)
