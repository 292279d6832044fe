"""What one generation consists of, and what else a deployment's folder has by which name.

A generation is written once by the verb that wants it, and read by supervisor and workers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .documents import known_fields, read_document, write_document
from .options import Options, read_options

if TYPE_CHECKING:
    from .router import Mode

SPEC = "spec.json"
STATE = "state.json"
WEIGHTS = "weights"
LOGS = "logs"
PROBE_TOKEN = "probe.token"  # what our own requests bear, by which they are not counted as callers'


@dataclass(frozen=True)
class VariantSpec:
    """One resident version.

    Parameters
    ----------
    slot : int
        Its place in the table of weights.
    version, digest : str
        The semantic version, and the content digest its package must have.
    package : str
        The package's folder.
    mode : str
        ``local`` to the workers, or ``remote``: in a process of its own.
    python : str
        The interpreter of that process.
    isolated : bool
        Whether that is of an environment of the package's own pins, which alone it may see.
    """

    slot: int
    version: str
    digest: str
    package: str
    mode: Mode
    python: str
    isolated: bool = False


@dataclass(frozen=True)
class GenerationSpec:
    """A fixed set of variants, how many processes serve them, and how."""

    deployment: str
    generation: int
    model: str
    workers: int
    python: str
    variants: tuple[VariantSpec, ...]
    options: Options = Options()  # noqa: RUF009 - it is frozen itself

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON bears it."""
        return asdict(self) | {"options": self.options.to_document()}


def write_spec(folder: Path, spec: GenerationSpec) -> None:
    """Write ``spec.json`` of a generation."""
    write_document(folder / SPEC, spec.to_document())


def read_spec(folder: Path) -> GenerationSpec:
    """Read ``spec.json`` of a generation.

    Raises
    ------
    FileNotFoundError
        When there is none that can be read.
    """
    document = read_document(Path(folder) / SPEC)
    if document is None:
        raise FileNotFoundError(f"{folder} has no readable {SPEC}")
    variants = tuple(VariantSpec(**known_fields(VariantSpec, each)) for each in document["variants"])
    read = {"variants": variants, "options": read_options(document.get("options"))}
    return GenerationSpec(**known_fields(GenerationSpec, document) | read)


def generation_folder(deployment: Path, generation: int) -> Path:
    """Return the folder of one generation of a deployment."""
    return deployment / "generations" / str(generation)
