"""Light types for the signatures of verbs: what a face must resolve, complete or check.

`typing.get_type_hints` on a verb must import nothing heavy, so a frame is `Live[Data]` here and never
`pandas.DataFrame`. To mypy the markers are what a caller may pass; at run time they are classes the command
table recognises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

T = TypeVar("T")


class LiveMarker:
    """Says that a face turns what was written into an object: a variable, a path, a URI."""


Live = Annotated[T, LiveMarker()]


@dataclass(frozen=True)
class Spelled:
    """How an option is written where its name in Python is another: ``--parameter`` or ``-p``."""

    word: str = ""
    short: str = ""


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Script:
    """Code to run: what `Live[Cell]` becomes where a cell or a file is named.

    Parameters
    ----------
    source : str
        The text.
    path : Path or None
        The file it came from.
    run : callable or None
        Runs it where it was written, in a notebook's namespace; None for a file.
    space : mapping
        The variables it can name.
    """

    source: str
    path: Path | None = None
    run: Callable[[], Any] | None = None
    space: Mapping[str, Any] = field(default_factory=dict)


if TYPE_CHECKING:
    Cell: TypeAlias = Any
    Model: TypeAlias = Any
    Data: TypeAlias = Any
    DataSource: TypeAlias = Any
    Target: TypeAlias = Any
    ModelName: TypeAlias = str
    VersionName: TypeAlias = str
    AliasName: TypeAlias = str
    DeploymentName: TypeAlias = str
    ColumnName: TypeAlias = str
    FilePath: TypeAlias = str
    Assignments: TypeAlias = Mapping[str, Any]
    StepName: TypeAlias = str
    RunName: TypeAlias = str
    PipelineName: TypeAlias = str
    ScheduleName: TypeAlias = str
else:

    class Cell:
        """Code to run: the body of a cell, a function, in a shell a Python file."""

    class Model:
        """A fitted estimator; in a shell a model URI, a file or ``module:attribute``."""

    class Data:
        """A frame, an array, a sparse matrix or texts; in a shell a Parquet, CSV or Arrow file."""

    class DataSource:
        """Data where it is, read when it is looked at: a variable, a file or folder, a stretch of time."""

    class Target:
        """A column of the data named beside it, or a variable; both at once is an error."""

    class ModelName(str):
        """The name of a registered model."""

        __slots__ = ()

    class VersionName(str):
        """A semantic version (``1.2.0``), a registry number (``3``) or an alias (``@champion``)."""

        __slots__ = ()

    class AliasName(str):
        """An alias in the registry."""

        __slots__ = ()

    class DeploymentName(str):
        """The name of a deployment."""

        __slots__ = ()

    class ColumnName(str):
        """A column of the data."""

        __slots__ = ()

    class FilePath(str):
        """A file or folder on this machine."""

        __slots__ = ()

    class Assignments(dict):
        """Values by name: in Python a mapping, in a line ``name=value``, once for each."""

        __slots__ = ()

    class StepName(str):
        """A step of the pipeline."""

        __slots__ = ()

    class RunName(str):
        """The ID of a pipeline's run or the begin of it, or ``last``."""

        __slots__ = ()

    class PipelineName(str):
        """A pipeline that was run here."""

        __slots__ = ()

    class ScheduleName(str):
        """The name of a schedule."""

        __slots__ = ()
