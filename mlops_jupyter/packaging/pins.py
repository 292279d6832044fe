"""Exact pins of what inference needs, found by watching a fresh process, hashed by uv where it is there."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import ModelError

from . import folders
from .references import installed_versions, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

_WATCH_SECONDS = 300
_COMPILE_SECONDS = 120
_TEST_TOOLS = ("pytest",)


@dataclass(frozen=True)
class Pins:
    """The text of the package's two requirements files.

    Parameters
    ----------
    inference : str
        ``requirements.txt``.
    tests : str
        ``requirements-test.txt``: what its tests need besides.
    hashed : bool
        Whether each has the hashes of its files.
    note : str
        Why not, when not.
    """

    inference: str
    tests: str
    hashed: bool
    note: str = ""

    @property
    def versions(self) -> dict[str, str]:
        """The version of each distribution that inference needs."""
        pinned = (entry.split()[0].partition("==") for entry in _entries(self.inference))
        return {name: version for name, _, version in pinned}


def find_pins(cache: Path, package: Path, body: bytes, key: dict[str, Any]) -> Pins:
    """Return the pins of a package that can be loaded, from the cache when an equal one was watched before.

    Parameters
    ----------
    cache : Path
        A folder for what was found; made when absent.
    package : Path
        A sealed package.
    body : bytes
        A request it must answer.
    key : dict
        All that decides which libraries it imports; the versions of what is installed are added.

    Raises
    ------
    ModelError
        When the package does not answer in a fresh process.
    """
    installed = installed_versions()
    watched = {**key, "python": sys.version, "installed": installed, "script": _script().read_text()}
    distributions = _recall(cache, watched)
    if distributions is None:
        distributions = watch(package, body)
        _remember(cache, watched, distributions)
    wanted = {"distributions": distributions, "python": sys.version, "installed": installed, "uv": _uv()}
    known = _recall(cache, wanted)
    if known is not None:
        return Pins(**known)
    pins = compile_pins(distributions)
    if pins.hashed:  # what could not be had now may be had next time
        _remember(cache, wanted, vars(pins))
    return pins


def watch(package: Path, body: bytes) -> dict[str, str]:
    """Let a fresh process load the package and answer a request; return the distributions it imported.

    Raises
    ------
    ModelError
        With the last line of what the process said.
    """
    with tempfile.NamedTemporaryFile(suffix=".json") as request:
        request.write(body)
        request.flush()
        command = [sys.executable, "-I", "-W", "ignore", str(_script()), str(package), request.name]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_WATCH_SECONDS, cwd=package, check=False
        )
    if done.returncode:
        why = _last_line(done.stderr)
        hint = "add your own code with --code FILE" if why.startswith("ModuleNotFoundError") else ""
        raise ModelError("the package does not load in a fresh process", why=why, hint=hint)
    document = json.loads(done.stdout.splitlines()[-1])
    if document["status"] != 200:
        why = str(document["answer"].get("error"))
        raise ModelError("the package does not answer its own example in a fresh process", why=why)
    found: dict[str, str] = document["distributions"]
    return found


def compile_pins(distributions: dict[str, str]) -> Pins:
    """Return exact pins of these distributions and all that they require."""
    inference = [f"{normalised(name)}=={version}" for name, version in sorted(distributions.items())]
    installed = installed_versions()
    tests = [f"{name}=={installed[name]}" if name in installed else name for name in _TEST_TOOLS]
    uv = _uv()
    if uv is None:
        note = "the pins are without hashes, for uv is not installed"
        return Pins(_lines(inference), _lines(tests), False, note)
    try:
        hashed = _compile(uv, inference, installed)
        hashed_tests = _without(_compile(uv, [*inference, *tests], installed), hashed)
    except (OSError, subprocess.SubprocessError) as failure:
        note = f"the pins are without hashes, for uv could not make them: {_reason(failure)}"
        return Pins(_lines(inference), _lines(tests), False, note)
    return Pins(hashed, hashed_tests, True)


def _uv() -> list[str] | None:
    binary = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if binary:
        return [binary]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else None


def _compile(uv: list[str], wanted: Iterable[str], installed: dict[str, str]) -> str:
    """Resolve with hashes, to the versions that are installed here."""
    with tempfile.TemporaryDirectory() as place:
        constraints = Path(place) / "constraints.txt"
        constraints.write_text(_lines(f"{name}=={version}" for name, version in installed.items()))
        command = [
            *uv, "pip", "compile", "-", "--quiet", "--generate-hashes", "--no-header", "--no-annotate",
            "--no-emit-index-url", "--no-emit-find-links",
            "--python", sys.executable, "--constraints", str(constraints),
        ]  # fmt: skip
        done = subprocess.run(
            command,
            input=_lines(wanted),
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=True,
            env={"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "15", **os.environ},
        )
    return done.stdout


def _without(requirements: str, known: str) -> str:
    """Return the requirements that are not known yet: pip wants each of them once."""
    have = set(_entries(known))
    return "".join(text for text in _entries(requirements) if text not in have)


def _entries(requirements: str) -> list[str]:
    """Split a requirements file into its requirements, each with the lines of its hashes."""
    entries: list[str] = []
    for line in requirements.splitlines(keepends=True):
        if entries and line.startswith(" "):
            entries[-1] += line
        else:
            entries.append(line)
    return entries


def _script() -> Path:
    return Path(__file__).with_name("watch.py")


def _recall(cache: Path, key: dict[str, Any]) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(_entry(cache, key).read_bytes())
    except (OSError, ValueError):
        return None
    return found


def _remember(cache: Path, key: dict[str, Any], value: dict[str, Any]) -> None:
    entry = _entry(cache, key)
    partial = entry.with_suffix(f".{os.getpid()}")
    folders.write(partial, json.dumps(value), "package.cache")
    partial.replace(entry)


def _entry(cache: Path, key: dict[str, Any]) -> Path:
    return cache / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]}.json"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a word"


def _reason(failure: Exception) -> str:
    said = getattr(failure, "stderr", None)
    return _last_line(said) if said else type(failure).__name__
