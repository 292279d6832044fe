"""vetiver: the app that its ``write_app`` writes, around a pinned model with its prototype."""

from side_by_side.data import compact

from .peer import Peer

VETIVER = Peer(
    name="vetiver",
    requirements=("vetiver==0.2.6", "setuptools<81"),
    prepare=(("{python}", "vetiver_pin.py", "{model}"),),
    command=("{bin}/uvicorn", "vetiver_service:api", "--port", "{port}"),
    path="/predict",
    body=lambda frame: compact(frame.to_dict("records")),
    classes=lambda answer: answer["predict"],
)
