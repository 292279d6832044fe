"""LitServe: an API on arrays, as it is and with its batching."""

from dataclasses import replace

from side_by_side.data import compact

from .peer import Peer

LITSERVE = Peer(
    name="litserve",
    requirements=("litserve==0.2.19",),
    prepare=(("{python}", "models.py", "{model}", "model.joblib"),),
    command=("{python}", "lit_service.py", "{port}"),
    path="/predict",
    body=lambda frame: compact({"input": frame.to_numpy().tolist()}),
    classes=lambda answer: answer["output"],
)
LITSERVE_BATCHED = replace(
    LITSERVE, name="litserve-batched", variables=lambda _port: {"BATCHED": "1"}, most_rows=64
)
