"""How much of scikit-learn is served by ONNX, why the rest is not, and what packaging one takes.

Run it as ``python -m tests.benchmarks.zoo``; the last line is JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections import Counter

from mlops_jupyter.packaging.building import build
from mlops_jupyter.packaging.request import PackageRequest
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace
from tests.zoo.estimators import case, names
from tests.zoo.excluded import EXCLUDED


def main() -> None:
    """Package every model of the zoo in a workspace of its own, and count the formats."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLOPS_HOME"] = home
        formats, size, seconds = _packaged()
    counts = {"estimators": formats.total(), "onnx": formats["onnx"], "skops": formats["skops"]}
    sizes = {f"{kind}_mean_bytes": size[kind] // max(1, formats[kind]) for kind in ("onnx", "skops")}
    share = round(formats["onnx"] / formats.total(), 3)
    times = {"median_cpu_seconds": round(sorted(seconds)[len(seconds) // 2], 3)}
    document = {**counts, "excluded": len(EXCLUDED), "onnx_share": share, **sizes, **times}
    sys.stdout.write(json.dumps(document) + "\n")


def _packaged() -> tuple[Counter[str], Counter[str], list[float]]:
    workspace = open_workspace()
    store = open_store(workspace)
    formats: Counter[str] = Counter()
    size: Counter[str] = Counter()
    seconds = []
    for name in names():
        one = case(name)
        begun = time.process_time()
        built = build(workspace, store, PackageRequest(one.model, name.lower(), one.sample), _silent)
        seconds.append(time.process_time() - begun)
        size[built.format] += (built.path / f"model/model.{built.format}").stat().st_size
        formats[built.format] += 1
        sys.stdout.write(f"{name:32} {built.format:6} {built.why}\n")
    return formats, size, seconds


def _silent(_stage: str) -> None:
    """Say nothing of the stages."""


if __name__ == "__main__":
    main()
