"""What a deployment left to read: its logs, and a request to copy."""

from __future__ import annotations

import json
import shlex
from collections import deque
from typing import TYPE_CHECKING

from mlops_jupyter.serving.examples import example_record
from mlops_jupyter.serving.logs import earlier
from mlops_jupyter.serving.spec import LOGS

from .folder import read_serving

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_EXAMPLE = 1500


def log_files(folder: Path) -> list[Path]:
    """Return the logs of the supervisor and of the serving and the newest generation, oldest part first."""
    serving, numbers = read_serving(folder), {}
    for path in (folder / LOGS).glob("generation-*.log"):
        numbers[int(path.stem.split("-")[1])] = path
    kept = {serving.spec.generation if serving else 0, max(numbers, default=0)}
    generations = [numbers[number] for number in sorted(kept) if number in numbers]
    logs = (folder / LOGS / "supervisor.log", *generations)
    return [path for log in logs for path in (earlier(log), log) if path.exists()]


def last_lines(files: list[Path], count: int) -> list[str]:
    """Return the last lines of files read one after the other."""
    kept: deque[str] = deque(maxlen=max(count, 0))
    for path in files:
        with path.open(encoding="utf-8", errors="replace") as stream:
            kept.extend(line.rstrip("\n") for line in stream)
    return list(kept)


def example_call(url: str, package: Path, certificate: str | None = None, *, keyed: bool = False) -> str:
    """Return a command that calls the endpoint with the package's example; empty when very long.

    With keys it takes one from the environment, which is where a secret is not written down.
    """
    schema = json.loads((package / "model" / "feature_schema.json").read_bytes())
    body = json.dumps({"features": example_record(schema)})
    trusted = f" --cacert {shlex.quote(certificate)}" if certificate else ""
    key = ' -H "authorization: Bearer $MLOPS_API_KEY"' if keyed else ""
    text = f"curl{trusted} {url}/predict{key} -H 'content-type: application/json' -d {shlex.quote(body)}"
    return text if len(text) <= _LONGEST_EXAMPLE else ""
