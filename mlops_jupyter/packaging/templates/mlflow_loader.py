"""Let MLflow load this package: `mlflow.pyfunc.load_model(folder)`, with nothing else installed for it.

The package verifies itself first, file by file, and its server lives under a name of its own: several
packages, and a `src` of the user's, can be in one process.
"""

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np


def _load_pyfunc(path):
    folder = Path(path).resolve()
    server = _import_server(folder)
    package = importlib.import_module(f"{server}.loading").load(folder)
    return PackagedModel(package, importlib.import_module(f"{server}.batch").Batch)


def _import_server(folder):
    manifest = (folder / "MANIFEST.json").read_bytes()
    name = f"model_server_{hashlib.sha256(manifest + str(folder).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        source = folder / "src"
        spec = importlib.util.spec_from_file_location(
            name, source / "__init__.py", submodule_search_locations=[str(source)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return name


class PackagedModel:
    """The model of this package, as MLflow calls it: with the package's decision threshold."""

    def __init__(self, package, batch):
        self.package = package
        self._batch = batch
        self._input = package.schema["input"]
        self._outputs = [output["name"] for output in package.schema["output"]["outputs"]]

    def predict(self, data, params=None):
        """Return an array of answers, of several outputs a frame with a column for each."""
        columns = {
            column["name"]: _as_array(values, column)
            for column, values in zip(self._input["columns"], self._columns(data), strict=True)
        }
        rows = len(next(iter(columns.values())))
        predictions = self.package.predict(self._batch(columns, rows)).predictions
        if len(self._outputs) == 1:
            return np.asarray(predictions)
        import pandas as pd

        return pd.DataFrame(predictions, columns=self._outputs)

    def _columns(self, data):
        names = [column["name"] for column in self._input["columns"]]
        if self._input["kind"] == "text":
            return [np.asarray(data, dtype=object).ravel()]
        if hasattr(data, "columns") and (self._input["kind"] == "columns" or set(names) <= set(data.columns)):
            absent = np.full(len(data), None, dtype=object)
            return [data[name] if name in data.columns else absent for name in names]
        return list(np.asarray(data.toarray() if hasattr(data, "toarray") else data).T)


def _as_array(values, column):
    """Return a column as the server has it after validation: see `Batch` in src/batch.py."""
    import pandas as pd

    series = pd.Series(values)
    missing = series.isna().to_numpy()
    if column["type"] in ("float", "double"):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if column["type"] in ("integer", "long"):
        whole = np.uint64 if column["dtype"].lower() == "uint64" else np.int64
        return series.to_numpy(dtype=np.float64 if missing.any() else whole, na_value=np.nan)
    if column["type"] == "datetime":
        zoned = "," in column["dtype"]
        moments = pd.to_datetime(series, utc=zoned)
        return (moments.dt.tz_localize(None) if zoned else moments).to_numpy(dtype="datetime64[us]")
    objects = series.to_numpy(dtype=object, na_value=None)
    return objects.astype(bool) if column["type"] == "boolean" and not missing.any() else objects
