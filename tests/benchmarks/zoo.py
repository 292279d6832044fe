"""How much of scikit-learn is served by ONNX, and why the rest is not.

Run it as ``python -m tests.benchmarks.zoo``; the last line is JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from mlops_jupyter.packaging.formats import save_model
from tests.zoo.estimators import case, names
from tests.zoo.excluded import EXCLUDED


def main() -> None:
    """Save every model of the zoo and count the formats."""
    warnings.simplefilter("ignore")
    formats: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for name in names():
        one = case(name)
        with tempfile.TemporaryDirectory() as folder:
            saved = save_model(one.model, Path(folder), one.sample, one.schema)
            size[saved.format] += (Path(folder) / saved.config["model"]).stat().st_size
        formats[saved.format] += 1
        sys.stdout.write(f"{name:32} {saved.format:6} {saved.why}\n")
    counts = {"estimators": formats.total(), "onnx": formats["onnx"], "skops": formats["skops"]}
    sizes = {f"{kind}_mean_bytes": size[kind] // max(1, formats[kind]) for kind in ("onnx", "skops")}
    share = round(formats["onnx"] / formats.total(), 3)
    sys.stdout.write(json.dumps({**counts, "excluded": len(EXCLUDED), "onnx_share": share, **sizes}) + "\n")


if __name__ == "__main__":
    main()
