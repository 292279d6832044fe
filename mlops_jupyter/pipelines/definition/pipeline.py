"""The nouns of a pipeline: its steps, as they are to be run now, in an order that honours what each needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Resources:
    """What a step may use.

    Parameters
    ----------
    memory : int or None
        Bytes that its kernel may hold; a kernel that wants more is ended, and the step fails.
    cpus : int
        How many of the jobs it takes up, and how many threads numeric libraries get.
    """

    memory: int | None = None
    cpus: int = 1


@dataclass(frozen=True)
class Step:
    """One notebook with all that its run is made of.

    Parameters
    ----------
    name : str
        Unique in the pipeline: ``train``; of a matrix ``train[depth=3]``.
    notebook : Path
        Absolute. The kernel works in its folder, as it does when it is opened by hand.
    parameters : mapping
        Of the notebook's own types, every template filled. A secret is its reference, ``env:TOKEN``.
    secrets : mapping of str to str
        References of the secrets the step may read, by name: ``{"token": "env:TOKEN"}``.
    inputs, outputs : tuple of str
        Files and folders, relative to the pipeline's folder, with forward slashes. An input may be a glob.
    needs : tuple of str
        The steps that must be done before: those named by ``after``, and those whose outputs or values it
        takes.
    variables : tuple of str
        Variables of the environment that its results depend on.
    warm : tuple of str
        Modules to import ahead of its kernel.
    retries : int
        How often it is tried again after a failure.
    timeout : float or None
        Seconds that it may take.
    resources : Resources
        What it may use.
    kernel : str
        The name of its kernel; empty for the notebook's own.
    line : int
        Where it stands in the pipeline's file, from 1.
    group : str
        The name it is written under: ``train`` of ``train[depth=3]``; of other steps their name.
    fresh : bool
        Whether nothing is ever imported ahead of its kernel (``warm: false``).
    """

    name: str
    notebook: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()
    retries: int = 0
    timeout: float | None = None
    resources: Resources = Resources()
    kernel: str = ""
    line: int = 0
    group: str = ""
    fresh: bool = False


@dataclass(frozen=True)
class Pipeline:
    """A pipeline as it is to be run now.

    Parameters
    ----------
    name : str
        What runs and schedules call it.
    file : Path
        ``pipeline.yaml``, absolute.
    folder : Path
        Absolute; what paths in the file are relative to.
    parameters : mapping
        Of the pipeline, with what was given filled in.
    steps : tuple of Step
        Each behind all that it needs.
    mlflow : bool
        Whether its runs are told to MLflow.
    """

    name: str
    file: Path
    folder: Path
    parameters: Mapping[str, Any]
    steps: tuple[Step, ...]
    mlflow: bool = True

    def step(self, name: str) -> Step:
        """Return a step by its name; `KeyError` when there is none."""
        return {step.name: step for step in self.steps}[name]
