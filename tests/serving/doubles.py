"""Packages of models whose rows are doubles, and one of each with its captures and counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.front import Keeping
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.router import SingleRouter
from mlops_jupyter.serving.spec import VariantSpec

NAMES = ("length", "width", "depth below the surface [m]", "grüße")
_RNG = np.random.default_rng(0)
DATA = pd.DataFrame({name: _RNG.normal(10, 3, 300) for name in NAMES})
_SUM = DATA.sum(axis=1) + _RNG.normal(0, 2, 300)
TWO, THREE = np.where(_SUM > 40, "big", "small"), np.digitize(_SUM, [37, 43])
RECORD = dict.fromkeys(NAMES, 10.0)
THRESHOLD = {"threshold": 0.2, "positive": "small"}
JSON = "content-type: application/json"


def _scaled(last):
    return make_pipeline(StandardScaler(), last)


#: model, target, serving_config.yaml
KINDS = {
    "two texts": (LogisticRegression(max_iter=1000), TWO, {}),
    "two numbers": (_scaled(LogisticRegression()), (TWO == "big").astype(int), {}),
    "three numbers": (_scaled(LogisticRegression()), THREE, {}),
    "three texts": (_scaled(LogisticRegression()), THREE.astype(str), {}),
    "a threshold": (_scaled(LogisticRegression()), TWO, THRESHOLD),
    "a value": (LinearRegression(), _SUM, {}),
    "a scaled value": (_scaled(LinearRegression()), _SUM, {}),
}


def build_doubles(build, folder, kind: str, **more):
    """Build the package of one of `KINDS`."""
    model, target, serving = KINDS[kind]
    target = pd.Series(target, name="size")
    return build(folder / "package", model.fit(DATA, target), DATA, target, serving=serving, **more)


def body_of(**changed) -> bytes:
    """Return a request for one row."""
    return orjson.dumps({"features": RECORD | changed})


GOOD = body_of()


def written(body: bytes = GOOD, *headers: str, kind: str = JSON, host: str = "localhost") -> bytes:
    """Return a ``POST /predict`` as it comes over a connection."""
    lines = ["POST /predict HTTP/1.1", f"host: {host}", kind, *headers, f"content-length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + body


class Observed:
    """One package as a worker has it, with captures and counts in a folder of its own."""

    def __init__(self, package, folder, **options) -> None:
        self.folder, self.options = folder, Options(**options)
        self.package = load(package) if not hasattr(package, "manifest") else package
        self._keeping = Keeping(folder, "sizes", "worker-0", self.options)
        spec = VariantSpec(0, "1.0.0", self.package.manifest.digest, "", "local", "")
        recorder = self._keeping.recorder(self.package, spec)
        self.variant = LocalVariant(0, self.package, self.options, recorder)
        self.gate = Gate(SingleRouter(self.variant), self._keeping.meter, self.options)
        self._open = True

    def carefully(self) -> Observed:
        """Leave all requests to the way that everything can go."""
        self.variant.answer_row = None
        return self

    def ask(self, body: bytes, **headers: str):
        """Return what becomes of a request, asked as the door asks."""
        asked = {"content-type": "application/json", **headers}
        pairs = [(name.encode(), value.encode()) for name, value in asked.items()]
        return (
            self.gate.answer_now(self.gate.read_head(pairs), body)
            or asyncio.run(self.gate.answer(dict(pairs), body))
        ).outcome

    def answer(self, body: bytes, id_: str = "p" * 32):
        """Return what the general way answers."""
        return self.variant.answer(Call(body, id_, "stable", unit="u"))

    def counted(self) -> dict:
        """Return how many requests were counted, by what they are told apart by."""
        return {key: sum(cells[:-1]) for key, cells in self._keeping.meter.read().items() if sum(cells[:-1])}

    def captured(self) -> list[dict]:
        """Return what is in the files, without what is another one each time; then it is closed."""
        self.close()
        batches = [batch for file in captured_files(self.folder) for batch in read_batches(file.path)]
        rows = pa.Table.from_batches(batches).sort_by("time").to_pylist() if batches else []
        return [{k: v for k, v in row.items() if k not in ("time", "latency")} for row in rows]

    def close(self) -> None:
        """Write what waits."""
        if self._open:
            self._open = False
            asyncio.run(self._keeping.close())


def with_runtime(package, ask_matrix):
    """Return a package whose graph answers a matrix otherwise, by the fused way alone."""
    runtime = package.runtime
    changed = object.__new__(type(runtime))
    vars(changed).update(vars(runtime))
    changed._ask = lambda wanted, feeds, options: ask_matrix(runtime._ask(wanted, feeds, options))
    return replace(package, runtime=changed)
