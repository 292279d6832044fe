"""Ours as its users run it: packaged, registered and deployed by the verbs, in a workspace of its own."""

from __future__ import annotations

import contextlib
import io
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pyarrow as pa

from .contender import Contender, ask, first_answer
from .data import ALONE, ARROW_BULK, CROWD, FOREST, JSON_BULK, ONE, bulk, compact, single_rows, table
from .load import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

ARROW = "application/vnd.apache.arrow.stream"
PATH = "/predict"
SPLIT = (("stable", 50.0), ("candidate", 50.0))
SETTLES = 0.6  # seconds: captures and logs are written twice a second
MIRRORED = (("stable", 100.0), ("shadow", 0.0))  # a shadow answers nobody: it has no share


@dataclass(frozen=True)
class Setting:
    """One way to deploy, measured beside the others.

    Parameters
    ----------
    name : str
        As in the table.
    model : str
        ``logistic`` or ``forest``.
    versions : int
        How many are resident.
    shares : tuple
        Role and percent of each, the one that was deployed last first.
    options : dict
        Of `deploy`.
    key : bool
        Whether callers need a key.
    deployment : str
        What it is deployed as; settings that differ in their shares alone share one.
    """

    name: str
    model: str = "logistic"
    versions: int = 2
    shares: tuple[tuple[str, float], ...] = SPLIT
    options: dict[str, Any] = field(default_factory=dict)
    key: bool = False
    deployment: str = "ours"


OURS = Setting("ours")
SHADOWED = replace(OURS, name="shadow on", shares=MIRRORED)
ALONE_RESIDENT = Setting("one variant", versions=1, shares=(), deployment="alone")
UNCAPTURED = Setting("capture off", options={"capture": False}, deployment="uncaptured")
GUARDED = Setting(
    "guarded", options={"rate": 1e6, "burst": 1_000_000, "access_log": True}, key=True, deployment="guarded"
)
KEYED = Setting("with a key", key=True, deployment="keyed")
RATED = Setting("with key and rate", options={"rate": 1e6, "burst": 1_000_000}, key=True, deployment="rated")
LOGGED = Setting("with an access log", options={"access_log": True}, deployment="logged")
FORESTED = Setting("ours, forest", model="forest", versions=1, shares=(), deployment="forest")
FEATURES = (ALONE_RESIDENT, UNCAPTURED, GUARDED, SHADOWED)
EACH_GUARD = (KEYED, RATED, LOGGED)


def register(model: str, versions: int) -> None:
    """Package and register so many versions of a model."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import mlops_jupyter as mlops

    data, target = table()
    for number in range(versions):
        if model == "forest":
            estimator = RandomForestClassifier(n_estimators=100, random_state=number)
        else:
            estimator = make_pipeline(StandardScaler(), LogisticRegression(C=1.0 / (1 + number)))
        mlops.package(estimator.fit(data, target), name=model, data=data, target=target)
        mlops.register(model)


def requests_of(setting: Setting, secret: str = "") -> dict[str, Request]:
    """Return what a deployment is sent for each task: rows by named features."""
    headers = (("content-type", "application/json"),)
    if secret:
        headers += (("authorization", f"Bearer {secret}"),)
    if setting.model == "forest":
        return {FOREST.name: Request(PATH, tuple(map(_record, single_rows())), headers)}
    one = Request(PATH, tuple(map(_record, single_rows())), headers)
    columns = compact({"features": bulk().to_dict("list")})
    return {
        **{task.name: one for task in (ONE, ALONE, CROWD)},
        JSON_BULK.name: Request(PATH, (columns,), headers),
        ARROW_BULK.name: Request(PATH, (_arrow(bulk()),), (("content-type", ARROW),)),
    }


def _record(frame: pd.DataFrame) -> bytes:
    return compact({"features": frame.iloc[0].to_dict()})


def _arrow(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue()


@contextlib.contextmanager
def workspace(folder: Path) -> Iterator[None]:
    """Work in a new workspace until the block ends; its deployments are stopped then."""
    os.environ["MLOPS_HOME"] = str(folder)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    import mlops_jupyter as mlops

    try:
        yield
    finally:
        for endpoint in mlops.status().endpoints:
            mlops.stop(endpoint.name)


def deploy(setting: Setting) -> Contender:
    """Bring a setting live, and return it."""
    import mlops_jupyter as mlops

    secret = mlops.key("create", setting.deployment).secret if setting.key else ""
    for number in range(setting.versions):
        live = mlops.deploy(
            setting.model, version=f"1.0.{number}", as_=setting.deployment, workers=1, **setting.options
        )
    port = int(live.url.rpartition(":")[2])
    requests = requests_of(setting, secret)
    first_answer(port, next(iter(requests.values())))
    return contender(setting, port, requests)


def contender(setting: Setting, port: int, requests: dict[str, Request]) -> Contender:
    """Return a setting of a deployment that is live; its shares are put in place before each measurement."""
    root = psutil.Process(_supervisor(setting))
    return Contender(setting.name, port, root, requests, lambda: _share(setting), SETTLES)


def check_shares(split: Contender) -> None:
    """Refuse to measure a deployment whose variants do not both answer."""
    split.before()
    time.sleep(SETTLES)
    answers = [ask(split.port, split.requests[ONE.name])[1] for _ in range(50)]
    versions = {answer["version"] for answer in answers}
    if len(versions) != len(SPLIT):
        raise RuntimeError(f"of {len(SPLIT)} variants {versions} answer")


def folder_of(setting: Setting) -> Path:
    """Return the folder of a deployment."""
    return Path(os.environ["MLOPS_HOME"]) / "deployments" / setting.deployment


def _supervisor(setting: Setting) -> int:
    from mlops_jupyter.deployments.folder import read_supervisor

    return int(read_supervisor(folder_of(setting))["pid"])


def _share(setting: Setting) -> None:
    """Let its variants have their shares of the traffic, as a rollout does."""
    from mlops_jupyter.deployments.folder import require_serving
    from mlops_jupyter.serving.spec import WEIGHTS, generation_folder
    from mlops_jupyter.serving.weights import Share, Weights, write_weights

    if not setting.shares:
        return
    folder = folder_of(setting)
    generation = generation_folder(folder, require_serving(folder).spec.generation)
    shares = tuple(Share(role, percent) for role, percent in setting.shares)
    write_weights(generation / WEIGHTS, Weights(shares))
