"""Package a model, and verify a package."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import NotFoundError, UnavailableError
from mlops_jupyter.verbs.progress import progress
from mlops_jupyter.verbs.results import Block, Facts, Note, Quantity, Result, Table
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlops_jupyter.packaging.request import BuiltPackage
    from mlops_jupyter.store.workspace import Workspace
    from mlops_jupyter.verbs.types import ColumnName, Data, FilePath, Live, Model, ModelName, Target


_ADDRESSES = ("models:/", "runs:/")
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


@dataclass(frozen=True)
class Packaged(Result):
    """A package that stands complete.

    Parameters
    ----------
    path : Path
        Its folder in the workspace.
    model, version, version_reason : str
        What it is called, and why it has this number.
    digest : str
        Of its content.
    format, why : str
        The format that serves, and why it was chosen.
    metrics : dict
        ``on`` (which data), ``values``, ``slices``.
    sizes : dict of str to int
        Bytes of each part.
    seconds : dict of str to float
        Of each stage.
    notes : tuple of str
        What the reader should know.
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
    format: str
    why: str
    metrics: dict[str, Any]
    sizes: dict[str, int]
    seconds: dict[str, float]
    notes: tuple[str, ...]
    existed: bool
    exported: Path | None

    @property
    def headline(self) -> str:
        """What it is now."""
        if self.existed:
            return f"{self.model} {self.version} is already packaged: the content is the same"
        return f"packaged {self.model} {self.version}: {self.version_reason}"

    def blocks(self) -> Iterable[Block]:
        """Yield where it is, how good it is, and what took how much."""
        places = [("folder", str(self.path))]
        if self.exported is not None:
            places.append(("copied to", str(self.exported)))
        yield Facts((*places, ("format", f"{self.format}: {self.why}"), ("digest", self.digest[:12])))
        if self.metrics["on"]:
            rows = tuple(self.metrics["values"].items())
            positive = self.metrics["positive"]
            title = f"on {self.metrics['on']}" + ("" if positive is None else f", for {positive!r}")
            yield Table(("metric", "value"), rows, title=title)
        else:
            yield Note("not measured: give --target, or --test-data and --test-target", "warn")
        sizes = sorted(self.sizes.items(), key=lambda part: -part[1])
        total = shown(Quantity(sum(self.sizes.values()), "B")).text
        yield Facts(
            tuple((part, Quantity(size, "B")) for part, size in sizes), f"{total} in all", folded=True
        )
        seconds = tuple((stage, Quantity(taken, "s")) for stage, taken in self.seconds.items())
        yield Facts(seconds, f"{shown(Quantity(sum(self.seconds.values()), 's')).text} in all", folded=True)
        for note in self.notes:
            yield Note(note, "warn")


@dataclass(frozen=True)
class Verified(Result):
    """A package in which every file is what was packaged.

    Parameters
    ----------
    path : Path
        The package.
    model, version, digest : str
        What its manifest says it is.
    files, size : int
        How many were hashed, and their bytes.
    """

    path: Path
    model: str
    version: str
    digest: str
    files: int
    size: int

    @property
    def headline(self) -> str:
        """That it is whole."""
        return f"{self.model} {self.version} is whole: all {self.files} files are what was packaged"

    def blocks(self) -> Iterable[Block]:
        """Yield where it is and what it is."""
        yield Facts((("folder", str(self.path)), ("digest", self.digest), ("size", Quantity(self.size, "B"))))


@verb(stage="build", audited=True)
def package(
    model: Live[Model],
    *,
    name: ModelName,
    data: Live[Data] | None = None,
    target: Live[Target] | None = None,
    test_data: Live[Data] | None = None,
    test_target: Live[Target] | None = None,
    slices: list[ColumnName] | None = None,
    threshold: float | None = None,
    positive: str | None = None,
    format: str = "auto",  # noqa: A002 - the word of the command
    allow_pickle: bool = False,
    code: list[FilePath] | None = None,
    preprocessor: Live[Model] | None = None,
    to: FilePath | None = None,
    run: str | None = None,
) -> Packaged:
    """Turn a fitted model into a folder that serves itself, tests itself and proves that it is unchanged.

    Parameters
    ----------
    model : object
        A fitted model with `predict`, or the URI of an MLflow model (``models:/…``, ``runs:/…``).
    name : str
        The model's name: letters a-z, digits, _ and -.
    data : object, optional
        Rows it was trained on; its schema is made of them. A frame, an array, a sparse matrix or texts.
    target : object, optional
        The answers to `data`, or the name of the column of `data` that holds them.
    test_data : object, optional
        Rows it has not seen: metrics are taken on them.
    test_target : object, optional
        The answers to `test_data`, or the name of its column; by default the column named by `target`.
    slices : list of str, optional
        Columns by whose values the metrics are shown as well.
    threshold : float, optional
        From which probability a binary classifier answers with its positive class.
    positive : str, optional
        The class that precision, recall and the threshold mean; the second of the model's classes by default.
    format : str
        ``auto`` (ONNX where it answers the same, else the library's own), or the name of one.
    allow_pickle : bool
        Whether the package may hold a pickle, which runs code when it is loaded.
    code : list of str, optional
        Files and folders of your own to add; what the model refers to is found without.
    preprocessor : object, optional
        A fitted transformer that comes before the model.
    to : str, optional
        A folder to write the package to as well.
    run : str, optional
        The MLflow run that trained it.

    Returns
    -------
    Packaged
        Where it is, its version and why, its format and why, its metrics, sizes and times.

    Raises
    ------
    ModelError
        When the model is not fitted, or needs what cannot go into a package.
    DataError
        When the data is not what the model was fitted on.

    Examples
    --------
    >>> mlops.package(pipe, name="churn", data=X_train, target=y_train)  # doctest: +SKIP
    """
    from mlops_jupyter.commits import git_state
    from mlops_jupyter.packaging.building import build
    from mlops_jupyter.packaging.request import PackageRequest, check_name
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import open_workspace

    check_name(str(name))
    with ExitStack() as stack, progress(f"package {name}") as report:
        workspace = open_workspace()
        request = PackageRequest(
            model=stack.enter_context(_fetched(workspace, model, report)),
            name=str(name),
            data=data,
            target=target,
            test_data=test_data,
            test_target=test_target,
            slices=tuple(slices or ()),
            threshold=threshold,
            positive=positive,
            format=format,
            allow_pickle=allow_pickle,
            code=tuple(code or ()),
            preprocessor=preprocessor,
            to=Path(to).expanduser() if to else None,
            run=run or _run_in(model),
            git=git_state(),
            fingerprints=_fingerprints(train=data, test=test_data),
        )
        return _packaged(build(workspace, open_store(workspace), request, report))


@verb(stage="build")
def verify(package: FilePath) -> Verified:
    """Check every file of a package against its manifest; nothing in it is loaded.

    Parameters
    ----------
    package : str
        A package's folder, or a model (``churn``, ``churn@champion``, ``churn/1.2.0``).

    Returns
    -------
    Verified
        What was checked.

    Raises
    ------
    IntegrityError
        Naming the file that is missing, changed, extra, a link or outside.

    Examples
    --------
    >>> mlops.verify("churn@champion")  # doctest: +SKIP
    """
    from mlops_jupyter.packaging.sealing import verified

    folder, digest = _locate(str(package))
    manifest = verified(folder, digest)
    return Verified(
        folder,
        manifest.model,
        manifest.version,
        manifest.digest,
        len(manifest.files),
        sum(int(entry["size"]) for entry in manifest.files.values()),
    )


def _packaged(built: BuiltPackage) -> Packaged:
    return Packaged(
        path=built.path,
        model=built.model,
        version=built.version,
        version_reason=built.version_reason,
        digest=built.digest,
        format=built.format,
        why=built.why,
        metrics=built.metrics,
        sizes=built.sizes,
        seconds=built.seconds,
        notes=built.notes,
        existed=built.existed,
        exported=built.exported,
    )


def _run_in(model: Any) -> str | None:
    """Return the run that an address names."""
    return model.split("/")[1] if isinstance(model, str) and model.startswith("runs:/") else None


@contextmanager
def _fetched(workspace: Workspace, model: Any, report: Callable[[str], None]) -> Iterator[Any]:
    """Yield the model; of an address, the folder of the MLflow model there, for as long as it is needed."""
    if not (isinstance(model, str) and model.startswith(_ADDRESSES)):
        yield model
        return
    import tempfile

    from mlops_jupyter.registry import connection
    from mlops_jupyter.registry.fetching import download

    report("fetch")
    with tempfile.TemporaryDirectory() as place:
        connection.client(workspace, report)
        try:
            with connection.calls(workspace):
                folder = download(workspace, model, Path(place))
        except UnavailableError as failure:
            if getattr(failure.__cause__, "error_code", "") in _ABSENT:
                raise NotFoundError(f"MLflow has no model at {model!r}", why=failure.why) from None
            raise
        yield folder


def _fingerprints(**data: Any) -> dict[str, str]:
    """Return the fingerprint of each data set that was given, in the form the model takes it."""
    import numpy as np

    from mlops_jupyter.schema.data import as_model_input
    from mlops_jupyter.verbs.provenance import fingerprint

    tables = {name: as_model_input(value) for name, value in data.items() if value is not None}
    return {
        name: fingerprint(np.array(table, dtype=object) if isinstance(table, list) else table)
        for name, table in tables.items()
    }


def _locate(word: str) -> tuple[Path, str | None]:
    """Return the folder a word names, and the digest the store knows it by."""
    folder = Path(word).expanduser()
    if folder.is_dir():
        return folder, None
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.versions import find_version
    from mlops_jupyter.store.workspace import open_workspace

    model, spec = _split(word)
    record = find_version(open_store(open_workspace()), model, spec)
    if record.package_path is None or not record.package_path.is_dir():
        raise NotFoundError(
            f"the package of {record.name} is not on this machine", hint="deploying it fetches it"
        )
    return record.package_path, record.digest


def _split(word: str) -> tuple[str, str | None]:
    if "@" in word:
        model, _, alias = word.partition("@")
        return model, f"@{alias}"
    model, _, version = word.partition("/")
    return model, version or None
