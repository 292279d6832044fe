"""Packages with no more in them than a server loads: made in a moment, served like any other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

from mlops_jupyter import serving
from mlops_jupyter.packaging.formats import save_model
from mlops_jupyter.packaging.sealing import seal
from mlops_jupyter.schema.inputs import infer_input
from mlops_jupyter.schema.outputs import infer_output

SERVING = Path(serving.__file__).parent


def build(folder: Path, version: str, model, data, code: str | None = None) -> tuple[Path, str]:
    """Build a package as thin as a server can load; return it and its digest."""
    (folder / "config").mkdir(parents=True)
    schema = {"schema_version": 1, "input": infer_input(data), "output": infer_output(model, data, None)}
    if code:
        (folder / "code").mkdir()
        (folder / "code" / "pace.py").write_text(code)
    saved = save_model(model, folder, data, schema, code=["pace"] if code else [])
    (folder / "model" / "feature_schema.json").write_text(json.dumps(schema))
    (folder / "config" / "model_config.yaml").write_text(yaml.safe_dump(saved.config))
    (folder / "config" / "serving_config.yaml").write_text("{}")
    shutil.copytree(SERVING, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    seal(folder, {"model": "paced", "version": version})
    return folder, json.loads((folder / "MANIFEST.json").read_bytes())["digest"]
