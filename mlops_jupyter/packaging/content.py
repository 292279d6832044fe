"""What answers: the model, its schema, the user's code, the server and its configuration.

These files decide the content digest, so each is the same bytes for the same content.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter import serving as server_package
from mlops_jupyter.errors import ModelError, UsageError, did_you_mean
from mlops_jupyter.schema.data import head
from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.nullability import probe_nullability
from mlops_jupyter.schema.outputs import infer_output
from mlops_jupyter.store.faults import kill_point

from . import folders
from .formats import SavedModel, save_model
from .mlmodel import as_yaml, write_loader
from .project import Code, collect_code
from .references import References, find_references
from .sealing import as_json, file_entries

if TYPE_CHECKING:
    from .request import PackageRequest
    from .subject import Subject

SCHEMA = "model/feature_schema.json"
SAMPLE_ROWS = 500
_BY_REFERENCE = ("skops", "cloudpickle")
_BINARY = 2
_LIMITS = {"body_bytes": 64 * 1024 * 1024, "rows": 100_000}


@dataclass(frozen=True)
class UserCode:
    """What of the model is the user's own.

    Parameters
    ----------
    references : References
        Everything the model refers to.
    code : Code
        The project's files it needs.
    """

    references: References
    code: Code


def make_schema(subject: Subject) -> dict[str, Any]:
    """Return the feature schema of a model, inferred from its data and by asking it."""
    features = subject.train.features
    taken = infer_input(features, subject.train.names)
    if subject.exemplary:
        for column in taken["columns"]:
            column.update(minimum=None, maximum=None, categories=None)
    given = infer_output(subject.answering, features, subject.train.target)
    probe_nullability(subject.answering.predict, features, taken)
    return {"schema_version": 1, "input": taken, "output": given}


def find_user_code(subject: Subject, request: PackageRequest) -> UserCode:
    """Find the project's modules the model needs, and those that were added by name."""
    references = find_references(subject.model, subject.preprocessor)
    return UserCode(references, collect_code(references.project_modules, request.code))


def write_model(
    folder: Path, subject: Subject, schema: dict[str, Any], own: UserCode, request: PackageRequest
) -> SavedModel:
    """Write `model/` and `code/`.

    Raises
    ------
    ModelError
        When something the format refers to is defined in the notebook; it is named, with the remedy.
    """
    folders.write(folder / SCHEMA, as_json(schema), "package.schema")
    own.code.write(folder / "code")
    kill_point("package.code")
    try:
        saved = save_model(
            subject.model,
            folder,
            head(subject.train.features, SAMPLE_ROWS),
            schema,
            format=request.format,
            allow_pickle=request.allow_pickle,
            preprocessor=subject.preprocessor,
            code=own.code.modules,
        )
    except ModelError as failure:
        if own.references.notebook and not request.allow_pickle:
            raise _defined_in_notebook(own.references) from failure
        raise
    kill_point("package.model")
    if own.references.notebook and saved.format in _BY_REFERENCE and not request.allow_pickle:
        raise _defined_in_notebook(own.references)
    return saved


def write_server(folder: Path, saved: SavedModel, serving: dict[str, Any]) -> None:
    """Write `src/`, a copy of our server, and `config/`."""
    source = Path(server_package.__file__).parent
    folders.copy_tree(source, folder / "src")
    kill_point("package.src")
    write_loader(folder)
    folders.write(folder / "config/model_config.yaml", as_yaml(saved.config), "package.model_config")
    folders.write(folder / "config/serving_config.yaml", as_yaml(serving), "package.serving_config")


def serving_config(schema: dict[str, Any], threshold: float | None, positive: Any = None) -> dict[str, Any]:
    """Return how the server should answer.

    Raises
    ------
    UsageError
        When there is a threshold or a positive class, but no binary classifier with probabilities, no such
        class, or a threshold that cannot be reached.
    """
    config = {"threshold": None, "positive": None, "limits": dict(_LIMITS), "unit": None}
    if threshold is None and positive is None:
        return config
    output = schema["output"]
    classes = output["outputs"][0]["classes"] or []
    if len(output["outputs"]) > 1 or len(classes) != _BINARY or not output["probabilities"]:
        what = f"a {'positive class' if threshold is None else 'threshold'} is for a binary classifier"
        raise UsageError(
            f"{what} with probabilities", why=f"this is {output['task']} with {len(classes)} classes"
        )
    if threshold is not None and not 0 < threshold < 1:
        raise UsageError(f"the threshold {threshold:g} is not between 0 and 1")
    meant = classes[1] if positive is None else _class_named(positive, classes)
    return config | {"threshold": threshold if threshold is None else float(threshold), "positive": meant}


def _class_named(positive: Any, classes: list[Any]) -> Any:
    """Return the class that was meant: a face gives its name as text."""
    for label in classes:
        if label == positive or str(label) == str(positive):
            return label
    names = list(map(str, classes))
    raise UsageError(f"the model has no class {positive!r}", hint=did_you_mean(str(positive), names))


def import_key(folder: Path, saved: SavedModel, own: UserCode, schema: dict[str, Any]) -> dict[str, Any]:
    """Return all of a package that decides which libraries it imports."""
    files = {path: entry["sha256"] for path, entry in file_entries(folder).items()}
    code = {path: digest for path, digest in files.items() if path.startswith(("src/", "code/"))}
    taken = schema["input"]
    return {
        "format": saved.format,
        "options": saved.config.get("options"),
        "preprocessor": bool(saved.config.get("preprocessor")),
        "code": hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest(),
        "libraries": own.references.distributions,
        "kind": taken["kind"],
        "dtypes": sorted({column["dtype"] for column in taken["columns"]}),
    }


def _defined_in_notebook(references: References) -> ModelError:
    names = ", ".join(dict.fromkeys(f"`{reference.name}`" for reference in references.notebook))
    first = references.notebook[0].name.partition(".")[0]
    return ModelError(
        f"the model needs {names}, defined in the notebook",
        why="it exists nowhere else",
        hint=f"put `%%writefile features.py` over its cell, then `from features import {first}` and fit"
        " again; or take it by value with --allow-pickle",
    )
