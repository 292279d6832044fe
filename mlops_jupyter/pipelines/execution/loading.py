"""Papermill in this process: imported without what a step never uses, and spoken to with our own dialect."""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNUSED: Final = (
    # readers of notebooks in clouds, which papermill imports where they are installed
    "adlfs", "azure", "azure.datalake.store", "azure.identity", "azure.storage.blob", "boto3",
    "boto3.session", "gcsfs", "github", "pyarrow", "pyarrow.fs",
    # checkers of formats in JSON Schema, which a notebook has none of (jsonschema#1428, #1521)
    "fqdn", "isoduration", "jsonpointer", "rfc3339_validator", "rfc3986_validator", "rfc3987",
    "rfc3987_syntax", "uri_template", "webcolors",
)  # fmt: skip
NEEDED: Final = (
    "mlops_jupyter.pipelines.execution.marks",
    "mlops_jupyter.pipelines.execution.parameters",
    "mlops_jupyter.pipelines.kernels.provisioner",
    "mlops_jupyter.pipelines.kernels.specs",
)


def load_papermill() -> None:
    """Import all that a step needs: a process that forks one for each step does it once, for all."""
    if "mlops_jupyter.pipelines.execution.client" in sys.modules:
        return
    with without(UNUSED), without_entry_points():
        import nbformat
        import papermill

        for module in NEEDED:
            __import__(module)
        import mlops_jupyter.pipelines.execution.client  # noqa: F401
    with quiet():
        empty = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        papermill.iorw.load_notebook_node(empty)  # compiles the schema of notebooks


@contextmanager
def without(names: tuple[str, ...]) -> Iterator[None]:
    """Have modules look as if they were not installed while others are imported that try them."""
    hidden: dict[str, Any] = {name: None for name in names if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]


@contextmanager
def without_entry_points() -> Iterator[None]:
    """Have papermill look for no engines and stores of others: it reads the files of all distributions."""
    import entrypoints

    found = entrypoints.get_group_all
    entrypoints.get_group_all = lambda *_, **__: []
    try:
        yield
    finally:
        entrypoints.get_group_all = found


@contextmanager
def speaking() -> Iterator[None]:
    """Let papermill know our engine, write parameters in our way, and keep its remarks to itself."""
    from papermill.engines import papermill_engines
    from papermill.translators import papermill_translators

    from mlops_jupyter.pipelines.execution.engine import StepEngine
    from mlops_jupyter.pipelines.execution.parameters import PlainPython

    known = papermill_translators._translators
    before = known["python"]
    papermill_engines.register("mlops", StepEngine)
    papermill_translators.register("python", PlainPython)
    try:
        with quiet():
            yield
    finally:
        papermill_translators.register("python", before)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep papermill's remarks on the notebook from the output of the process."""
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def kernel_and_language(metadata: Mapping[str, Any], asked: str) -> tuple[str, str | None]:
    """Return the kernel a notebook is to run in, and the language that its parameters are written in.

    Parameters
    ----------
    metadata : mapping
        Of the notebook.
    asked : str
        The kernel that the step asks for; empty for the notebook's own.

    Examples
    --------
    >>> kernel_and_language({"kernelspec": {"name": "ir", "language": "R"}}, "")
    ('ir', 'R')
    >>> kernel_and_language({}, "")
    ('python3', 'python')
    """
    spec = metadata.get("kernelspec", {})
    name = asked or spec.get("name") or "python3"
    written = metadata.get("language_info", {}).get("name") or spec.get("language")
    if name == spec.get("name") and written:
        return name, written
    return name, "python" if name == "python3" else language_of(name) or written


def language_of(kernel: str) -> str | None:
    """Return the language of an installed kernel; None when there is no such kernel."""
    from jupyter_client.kernelspec import NoSuchKernel

    from mlops_jupyter.pipelines.kernels.specs import named_spec

    try:
        return named_spec(kernel).spec.language or None
    except NoSuchKernel:
        return None
