"""A package, verified and opened: after `load` its model answers batches."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from .answers import Answer, AnswerMaker
from .manifest import Manifest, verify
from .router import Contract
from .runtimes import open_runtime
from .validation import Validator, compile_validator

if TYPE_CHECKING:
    from .batch import Batch
    from .options import ExtraColumns
    from .runtimes import Runtime


class LoadFailure(Exception):  # noqa: N818 - the word of the server's one line; ours is ModelError
    """A package that is whole, but cannot be served in this process."""


@dataclass(frozen=True, eq=False)
class Package:
    """An opened package.

    Parameters
    ----------
    manifest : Manifest
        Its manifest, verified.
    schema, config, serving : dict
        ``model/feature_schema.json``, ``config/model_config.yaml`` and ``config/serving_config.yaml``.
    runtime : Runtime
        Its model.
    folder : Path
        Where it is.
    """

    manifest: Manifest
    schema: dict[str, Any]
    config: dict[str, Any]
    serving: dict[str, Any]
    runtime: Runtime
    folder: Path

    @cached_property
    def contract(self) -> Contract:
        """What its callers rely on."""
        return Contract(self.manifest.model, self.schema, self.serving)

    @cached_property
    def validator(self) -> Validator:
        """What reads its requests."""
        return self._compile(self.serving.get("extra_columns", "warn"))

    @cached_property
    def answers(self) -> AnswerMaker:
        """What makes its answers."""
        return AnswerMaker(self.schema, self.serving)

    @property
    def runs_own_code(self) -> bool:
        """Whether a prediction runs code of the user's own, which may hang; that of the libraries ends."""
        formats = {self.config["format"], (self.config.get("preprocessor") or {}).get("format")}
        own = {"cloudpickle", "mlflow"} | ({"skops"} if self.config.get("code") else set())
        return not own.isdisjoint(formats)

    def validator_with(self, extra: ExtraColumns | None) -> Validator:
        """Return what reads its requests, with another word on columns that it does not have."""
        return self.validator if extra is None or extra == self.validator.extra else self._compile(extra)

    def _compile(self, extra: ExtraColumns) -> Validator:
        return compile_validator(self.schema, self.serving.get("limits"), extra)

    def predict(self, batch: Batch) -> Answer:
        """Answer validated rows."""
        return self.answers.answer(self.runtime.predict(batch))


def load(folder: Path | str, digest: str | None = None) -> Package:
    """Verify a package, then open it.

    Parameters
    ----------
    folder : Path or str
        The package.
    digest : str, optional
        The content digest that it must have.

    Raises
    ------
    IntegrityFailure
        When a file is not what the manifest says; nothing was opened then.
    LoadFailure
        When its code or its threshold cannot be used here.
    """
    folder = Path(folder).resolve()
    manifest = verify(folder, digest)
    schema = orjson.loads((folder / "model" / "feature_schema.json").read_bytes())
    config = _settings(folder / "config" / "model_config.yaml")
    serving = _settings(folder / "config" / "serving_config.yaml")
    add_code(folder / "code", config.get("code") or ())
    package = Package(manifest, schema, config, serving, open_runtime(folder, config, schema), folder)
    try:
        _ = package.validator, package.answers  # compiled now, not at the first request
    except (ValueError, TypeError) as error:
        raise LoadFailure(f"config/serving_config.yaml: {error}") from error
    return package


def _settings(path: Path) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(path.read_bytes()) or {}
    return settings


class _NeverCached(SourceFileLoader):
    """Writes no bytecode: a file beside the verified ones would be one too many at the next start."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Keep nothing."""


def add_code(code: Path, modules: tuple[str, ...] | list[str]) -> None:
    """Put the user's own modules of a package first on the path.

    Parameters
    ----------
    code : Path
        Its ``code/``.
    modules : sequence of str
        The top-level modules in it.

    Raises
    ------
    LoadFailure
        When another module of one of the names is imported already: it would be taken for this one.
    """
    if not code.is_dir():
        return
    for name in modules:
        _refuse_namesake(name, code)

    def find_in_code(path: str) -> FileFinder:
        if not Path(path).is_relative_to(code):
            raise ImportError
        return FileFinder(path, (_NeverCached, [".py"]))

    sys.path_hooks.insert(0, find_in_code)
    sys.path.insert(0, str(code))


def _refuse_namesake(name: str, code: Path) -> None:
    imported = getattr(sys.modules.get(name), "__file__", None)
    if imported is None or Path(imported).is_relative_to(code):
        return
    ours = code / f"{name}.py"
    if not ours.is_file() or ours.read_bytes() != Path(imported).read_bytes():
        raise LoadFailure(
            f"another module {name!r} is imported already; serve this version in its own process"
        )
