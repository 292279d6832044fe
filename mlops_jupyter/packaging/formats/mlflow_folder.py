"""An MLflow model taken along as it is: its folder is copied, and its own flavour serves it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import ModelError
from mlops_jupyter.serving.runtimes.pyfunc import refuse_pickles
from mlops_jupyter.serving.trust import UntrustedModelError


def is_mlflow_folder(model: Any) -> bool:
    """Tell whether this is the path of a local MLflow model.

    Examples
    --------
    >>> is_mlflow_folder("churn")
    False
    """
    return isinstance(model, str | Path) and (Path(model) / "MLmodel").is_file()


def write(model: str | Path, folder: Path, code: list[str], *, allow_pickle: bool) -> dict[str, Any]:
    """Copy an MLflow model, and return what its configuration must say.

    Raises
    ------
    ModelError
        When it would be unpickled and that was not allowed.
    """
    if not allow_pickle:
        try:
            refuse_pickles(Path(model), code)
        except UntrustedModelError as refusal:
            raise ModelError(
                f"the MLflow model {Path(model).name} holds what may not be loaded",
                why=str(refusal),
                hint="--allow-pickle takes it as it is; only for a model whose origin you know",
            ) from None
    shutil.copytree(model, folder / "model/mlflow", dirs_exist_ok=True)
    return {"format": "mlflow", "model": "model/mlflow", "options": {"pickle": allow_pickle}}
