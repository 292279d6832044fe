"""The MLmodel file: what makes the package an MLflow model, written without importing MLflow."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import yaml

from . import folders

_LOADER = Path(__file__).with_name("templates") / "mlflow_loader.py"
_LOADER_FOLDER = "src/pyfunc"
_INTEGERS = ("integer", "long")


def write_loader(folder: Path) -> None:
    """Write the module MLflow loads the package by: content, for it answers."""
    folders.write(folder / _LOADER_FOLDER / f"{_loader_name()}.py", _LOADER.read_bytes(), "package.loader")


def write_mlmodel(folder: Path, schema: dict[str, Any], size: int, run: str | None, created: str) -> None:
    """Write MLmodel and the two files by which MLflow builds an environment.

    Parameters
    ----------
    folder : Path
        The package being built.
    schema : dict
        Its feature schema.
    size : int
        Bytes of the model, which MLflow shows.
    run : str, optional
        The MLflow run that trained it.
    created : str
        UTC, ISO 8601.
    """
    python = platform.python_version()
    document: dict[str, Any] = {
        "flavors": {
            "python_function": {
                "code": _LOADER_FOLDER,
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": _loader_name(),
                "python_version": python,
            }
        },
        "model_size_bytes": size,
        "signature": signature(schema),
        "utc_time_created": created.removesuffix("+00:00").replace("T", " "),
    }
    if run:
        document["run_id"] = run
    pip = ["-r requirements.txt"]
    conda = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": pip}],
        "name": "model",
    }
    _yaml(folder / "MLmodel", document)
    _yaml(folder / "conda.yaml", conda)
    _yaml(folder / "python_env.yaml", {"dependencies": pip, "python": python})


def signature(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a feature schema as MLflow's signature, in the form MLmodel holds it.

    Examples
    --------
    >>> column = {"name": "text", "type": "string", "dtype": "str", "nullable": False}
    >>> output = {"outputs": [{"name": "late", "type": "long"}]}
    >>> signature({"input": {"kind": "text", "columns": [column]}, "output": output})["outputs"]
    '[{"type": "long", "name": "late", "required": true}]'
    """
    inputs = schema["input"]
    named = inputs["kind"] in ("columns", "text")
    taken = [_column(column) for column in inputs["columns"]] if named else _tensor(inputs["columns"])
    given = [
        {"type": output["type"], "name": output["name"], "required": True}
        for output in schema["output"]["outputs"]
    ]
    return {"inputs": json.dumps(taken), "outputs": json.dumps(given), "params": None}


def _column(column: dict[str, Any]) -> dict[str, Any]:
    kind = column["type"]
    if kind in _INTEGERS and column["nullable"]:
        kind = (
            "double"  # pandas holds an integer column with a gap as floats, which MLflow refuses for a long
        )
    return {"type": kind, "name": column["name"], "required": not column["nullable"]}


def _tensor(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    dtype = columns[0]["dtype"] if columns else "float64"
    return [{"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, len(columns)]}}]


def _loader_name() -> str:
    """Return a module name of the loader's own, so that two releases of it can be in one process."""
    return f"packaged_model_{hashlib.sha256(_LOADER.read_bytes()).hexdigest()[:8]}"


def _yaml(path: Path, document: dict[str, Any]) -> None:
    folders.write(path, as_yaml(document), f"package.{path.name}")


def as_yaml(document: dict[str, Any]) -> str:
    """Return YAML that is the same for the same content."""
    return yaml.safe_dump(document, sort_keys=True, allow_unicode=True, width=100)
