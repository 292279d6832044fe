"""What to package, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_NAME_LIMIT = 63
_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True)
class PackageRequest:
    """All that `build` needs to know.

    Parameters
    ----------
    model : object
        A fitted model, or the Path of a folder that holds an MLflow model.
    name : str
        The model's name: it becomes folder names, so only ``a-z 0-9 _ -``.
    data, test_data : object, optional
        Features, in any form `schema.data.as_model_input` takes; the target may be a column of them.
    target, test_target : object, optional
        The answers, or the name of the column of `data` that holds them.
    slices : tuple of str
        Columns by whose values the metrics are shown as well.
    threshold : float, optional
        From which probability a binary classifier answers with its positive class.
    positive : object, optional
        The class that threshold and metrics mean, or its name; the second one of the model when None.
    format : str
        ``auto``, or one of the formats.
    allow_pickle : bool
        Whether a pickle may be made or packaged.
    code : tuple of str
        Files and folders to add to `code/`.
    preprocessor : object, optional
        A fitted transformer that comes before the model.
    to : Path, optional
        A folder to write the package to as well.
    parameters : dict
        What it was trained with.
    run : str, optional
        The MLflow run that trained it.
    git : dict, optional
        ``{"commit", "dirty"}`` of the project.
    fingerprints : dict of str to str
        Of the content of `data` and `test_data`, under ``train`` and ``test``.
    """

    model: Any
    name: str
    data: Any = None
    target: Any = None
    test_data: Any = None
    test_target: Any = None
    slices: tuple[str, ...] = ()
    threshold: float | None = None
    positive: Any = None
    format: str = "auto"
    allow_pickle: bool = False
    code: tuple[str, ...] = ()
    preprocessor: Any = None
    to: Path | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    run: str | None = None
    git: dict[str, Any] | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuiltPackage:
    """A package that stands complete.

    Parameters
    ----------
    path : Path
        Its folder in the workspace.
    model, version, version_reason : str
        What it is called, and why it has this number.
    digest, manifest_digest : str
        Of its content, and of its manifest.
    format, why : str
        The format that serves, and why it was chosen.
    parity : dict or None
        How near ONNX came.
    metrics : dict
        As in the manifest: ``on``, ``values``, ``slices``.
    sizes : dict of str to int
        Bytes of each part.
    seconds : dict of str to float
        Of each stage.
    notes : tuple of str
        What the reader should know: what was left out, and why.
    existed : bool
        Whether this content was packaged before.
    exported : Path, optional
        The copy that was asked for.
    """

    path: Path
    model: str
    version: str
    version_reason: str
    digest: str
    manifest_digest: str
    format: str
    why: str
    parity: dict[str, Any] | None
    metrics: dict[str, Any]
    sizes: dict[str, int]
    seconds: dict[str, float]
    notes: tuple[str, ...] = ()
    existed: bool = False
    exported: Path | None = None


def check_name(name: str) -> str:
    """Return a model's name, refused when it could be anything but one part of a path and of an address.

    Examples
    --------
    >>> check_name("churn_2")
    'churn_2'
    """
    fits = 0 < len(name) <= _NAME_LIMIT and set(name) <= _NAME_LETTERS and name[0] not in "_-"
    if not fits:
        raise UsageError(
            f"{name!r} cannot be a model's name",
            hint=f"use a-z, 0-9, _ and -, starting with a letter or digit, at most {_NAME_LIMIT}",
        )
    return name
