"""Settings and where they come from, from strong to weak.

A verb's argument, `%config` of the notebook, `MLOPS_*` in the environment (then `MLFLOW_TRACKING_URI`),
`[tool.mlops]` in `pyproject.toml`, the default.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import UsageError, did_you_mean

LAST_PORT = 65535

_configured: dict[str, Any] = {}


@dataclass(frozen=True)
class Settings:
    """What can be set, and its default.

    Parameters
    ----------
    tracking_uri : str, optional
        The MLflow tracking and registry address; SQLite in the workspace when left out.
    host : str
        The address a deployment binds.
    port : int, optional
        The port of a deployment, from 0 (any free one) to 65535; chosen by the deployment when left out.
    workers : int
        Worker processes of a deployment, at least 1.
    """

    tracking_uri: str | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    workers: int = 1


NAMES = tuple(field.name for field in fields(Settings))


def settings(start: Path | None = None, **arguments: Any) -> Settings:
    """Resolve every setting; arguments that are None count as not given.

    Parameters
    ----------
    start : Path, optional
        Where to look for `pyproject.toml` from; the working folder when left out.
    **arguments
        A verb's own arguments.

    Raises
    ------
    UsageError
        For a name that is not a setting, or a value it cannot have; it says where the value stands.

    Examples
    --------
    >>> settings(port="8080").port
    8080
    """
    layers = (
        ("the argument", arguments),
        ("%config", _configured),
        ("the environment", from_environment()),
        ("[tool.mlops] in pyproject.toml", from_project((start or Path.cwd()).resolve())),
    )
    chosen: dict[str, Any] = {}
    for source, values in layers:
        for name, value in values.items():
            known(name, source)
            if value is not None and name not in chosen:
                chosen[name] = checked(name, value, source)
    return Settings(**chosen)


def configure(**values: Any) -> None:
    """Take settings from the notebook's `%config`; None takes one back.

    Raises
    ------
    UsageError
        For a name that is not a setting, or a value it cannot have.
    """
    for name, value in values.items():
        known(name, "%config")
        _configured[name] = None if value is None else checked(name, value, "%config")


def from_environment() -> dict[str, Any]:
    """Read `MLOPS_*`; MLflow's own variable counts where ours is not set."""
    values: dict[str, Any] = {name: os.environ.get(f"MLOPS_{name.upper()}") or None for name in NAMES}
    values["tracking_uri"] = values["tracking_uri"] or os.environ.get("MLFLOW_TRACKING_URI") or None
    return values


def from_project(start: Path) -> dict[str, Any]:
    """Read `[tool.mlops]` of the nearest `pyproject.toml` above `start`."""
    file = next(
        (at / "pyproject.toml" for at in (start, *start.parents) if (at / "pyproject.toml").is_file()), None
    )
    if file is None:
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise UsageError(f"{file} cannot be read", str(failure)) from failure
    table = document.get("tool", {}).get("mlops", {})
    if not isinstance(table, dict):
        raise UsageError(f"[tool.mlops] in {file} is not a table")
    return table


def known(name: str, source: str) -> None:
    """Refuse a name that is not a setting."""
    if name not in NAMES:
        raise UsageError(f"no setting named {name!r} (from {source})", hint=did_you_mean(name, NAMES))


def checked(name: str, value: Any, source: str) -> Any:
    """Return the value in the setting's type, or say what it should be."""
    if name == "port":
        return whole(name, value, source, 0, LAST_PORT)
    if name == "workers":
        return whole(name, value, source, 1, 256)
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r} (from {source})", hint="it should be text")
    return value


def whole(name: str, value: Any, source: str, low: int, high: int) -> int:
    """Read a whole number between `low` and `high`."""
    hint = f"it should be a whole number from {low} to {high}"
    try:
        number = int(str(value)) if not isinstance(value, bool) else low - 1
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"{name} is {value!r} (from {source})", hint=hint)
    return number
