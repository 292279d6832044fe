"""The verb that declares a notebook as a step of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mlops_jupyter.verbs.results import Facts, Note, Result
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.types import Spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_jupyter.verbs.results import Block
    from mlops_jupyter.verbs.types import Assignments, FilePath, StepName


@dataclass(frozen=True)
class StepDeclared(Result):
    """What a notebook says of itself as a step.

    Parameters
    ----------
    declared : mapping
        As it would stand in the pipeline's file.
    absent : tuple of str
        Inputs that are not there yet.
    """

    declared: dict[str, Any]
    absent: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """That it is a step, and of what."""
        reads, writes = (", ".join(self.declared.get(key, ())) for key in ("inputs", "outputs"))
        parts = [f"reads {reads}" if reads else "", f"writes {writes}" if writes else ""]
        said = " and ".join(part for part in parts if part)
        return f"this notebook is a step{f': it {said}' if said else ''}"

    def blocks(self) -> Iterable[Block]:
        """Yield the rest of what was declared, and what is missing to run it by hand."""
        rest = tuple((key, v) for key, v in self.declared.items() if key not in ("inputs", "outputs"))
        if rest:
            yield Facts(rest)
        if self.absent:
            yield Note(f"not there yet: {', '.join(self.absent)}", "warn")


@verb(stage="pipeline")
def step(
    *,
    inputs: Annotated[list[FilePath] | None, Spelled("inputs")] = None,
    outputs: Annotated[list[FilePath] | None, Spelled("outputs")] = None,
    after: list[StepName] | None = None,
    variables: list[str] | None = None,
    warm: list[str] | None = None,
    retries: int | None = None,
    timeout: str | None = None,
    kernel: str | None = None,
    memory: str | None = None,
    cpus: int | None = None,
    secrets: Annotated[Assignments | None, Spelled("secret")] = None,
) -> StepDeclared:
    """Declare a notebook as a step, in its first cell: %%mlops step --inputs a.parquet --outputs b.parquet.

    The rest of the cell runs as usual. A pipeline reads the line without running the notebook; what its own
    file says of the step comes before what is said here.

    Parameters
    ----------
    inputs, outputs : list of FilePath, optional
        Files and folders that it reads and writes, relative to the notebook; an input may be a pattern.
    after : list of StepName, optional
        Steps that must be done before.
    variables : list of str, optional
        Variables of the environment that its result depends on.
    warm : list of str, optional
        Modules to import ahead of its kernel; ``false`` for none.
    retries : int, optional
        How often it is tried again after a failure.
    timeout : str, optional
        How long it may take: ``30m``.
    kernel : str, optional
        The kernel it needs, if not the notebook's own.
    memory : str, optional
        How much its kernel may hold: ``2GB``.
    cpus : int, optional
        How many of the jobs it takes up.
    secrets : Assignments, optional
        References of secrets it may read: ``token=env:API_TOKEN``.

    Returns
    -------
    StepDeclared
        What was declared.

    Examples
    --------
    >>> mlops.step(inputs=["raw.parquet"], outputs=["month.parquet"])  # doctest: +SKIP
    """
    resources = {name: value for name, value in (("memory", memory), ("cpus", cpus)) if value is not None}
    given = {
        "inputs": inputs, "outputs": outputs, "after": after, "variables": variables, "warm": warm,
        "retries": retries, "timeout": timeout, "kernel": kernel, "resources": resources or None,
        "secrets": dict(secrets) if secrets else None,
    }  # fmt: skip
    absent = tuple(name for name in inputs or () if not _is_there(name))
    return StepDeclared({key: value for key, value in given.items() if value is not None}, absent)


def _is_there(name: str) -> bool:
    import glob

    return Path(name).exists() or bool(glob.glob(name, recursive=True))  # noqa: PTH207 absolute ones too
