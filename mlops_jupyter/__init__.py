"""From a fitted model in a notebook to a monitored, reversible production endpoint.

``%load_ext mlops_jupyter`` gives the magic ``%mlops``; ``import mlops_jupyter as mlops`` gives the same verbs
as functions; a shell has them as ``mlops``. Nothing heavy is imported before a verb needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_jupyter._version import __version__
from mlops_jupyter.errors import MlopsError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_jupyter.pipelines.execution.values import input, output, secret  # noqa: A004
    from mlops_jupyter.verbs import pipeline
    from mlops_jupyter.verbs.agents import agent
    from mlops_jupyter.verbs.building import package, verify
    from mlops_jupyter.verbs.captured_requests import requests
    from mlops_jupyter.verbs.catalog import alias, card, diff, models, register, show, versions
    from mlops_jupyter.verbs.deploying import deploy
    from mlops_jupyter.verbs.drifting import drift, report
    from mlops_jupyter.verbs.endpoints import (
        history,
        logs,
        predict,
        rollback,
        start,
        status,
        stop,
    )
    from mlops_jupyter.verbs.housekeeping import audit, clean, doctor, overview, remove
    from mlops_jupyter.verbs.keys import key
    from mlops_jupyter.verbs.load_checks import loadtest
    from mlops_jupyter.verbs.profiles import profile
    from mlops_jupyter.verbs.steps import step
    from mlops_jupyter.verbs.tracking import track

__all__ = [
    "MlopsError",
    "__version__",
    "agent",
    "alias",
    "audit",
    "card",
    "clean",
    "deploy",
    "diff",
    "doctor",
    "drift",
    "history",
    "input",
    "key",
    "load_ipython_extension",
    "loadtest",
    "logs",
    "models",
    "output",
    "overview",
    "package",
    "pipeline",
    "predict",
    "profile",
    "register",
    "remove",
    "report",
    "requests",
    "rollback",
    "secret",
    "show",
    "start",
    "status",
    "step",
    "stop",
    "track",
    "unload_ipython_extension",
    "verify",
    "versions",
]

#: What a step's notebook gives and asks for.
_OF_A_STEP = ("input", "output", "secret")


def __getattr__(name: str) -> Any:
    import importlib

    from mlops_jupyter.verbs import table

    if name in _OF_A_STEP:
        return getattr(importlib.import_module("mlops_jupyter.pipelines.execution.values"), name)
    if name in table.GROUPS:
        return importlib.import_module(f"mlops_jupyter.verbs.{name}")
    if name in table.MODULES:
        return table.load(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a notebook the magic ``%mlops``: what ``%load_ext mlops_jupyter`` calls. Twice is as once."""
    from mlops_jupyter.notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take ``%mlops`` away again: what ``%unload_ext mlops_jupyter`` calls."""
    from mlops_jupyter.notebook.extension import unload

    unload(shell)
