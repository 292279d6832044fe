"""What a deployment left to read: its logs, and a request to copy."""

from __future__ import annotations

import json
import shlex
from collections import deque
from typing import TYPE_CHECKING

from mlops_jupyter.serving.examples import example_record

from .folder import LOGS

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_EXAMPLE = 1500


def log_files(folder: Path) -> list[Path]:
    """Return the supervisor's log and that of the newest generation, oldest first."""
    logs = folder / LOGS
    numbered = sorted(logs.glob("generation-*.log"), key=lambda path: int(path.stem.split("-")[1]))
    return [path for path in (logs / "supervisor.log", *numbered[-1:]) if path.exists()]


def last_lines(files: list[Path], count: int) -> list[str]:
    """Return the last lines of files read one after the other."""
    kept: deque[str] = deque(maxlen=max(count, 0))
    for path in files:
        with path.open(encoding="utf-8", errors="replace") as stream:
            kept.extend(line.rstrip("\n") for line in stream)
    return list(kept)


def example_call(url: str, package: Path) -> str:
    """Return a command that calls the endpoint with the package's example; empty when very long."""
    schema = json.loads((package / "model" / "feature_schema.json").read_bytes())
    body = json.dumps({"features": example_record(schema)})
    text = f"curl {url}/predict -H 'content-type: application/json' -d {shlex.quote(body)}"
    return text if len(text) <= _LONGEST_EXAMPLE else ""
