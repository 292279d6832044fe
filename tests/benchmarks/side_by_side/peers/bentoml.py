"""BentoML: a service on arrays, as it is and with its adaptive batching."""

from dataclasses import replace

from side_by_side.data import compact

from .peer import Peer

QUIET = {"BENTOML_DO_NOT_TRACK": "true"}

BENTOML = Peer(
    name="bentoml",
    requirements=("bentoml==1.4.39",),
    prepare=(("{python}", "models.py", "{model}", "model.joblib"),),
    command=("{bin}/bentoml", "serve", "bento_service:Cancer", "--port", "{port}"),
    path="/predict",
    body=lambda frame: compact({"rows": frame.to_numpy().tolist()}),
    classes=lambda answer: answer,
    variables=lambda _port: QUIET,
)
BENTOML_BATCHED = replace(
    BENTOML, name="bentoml-batched", variables=lambda _port: QUIET | {"BATCHED": "1"}, most_rows=64
)
