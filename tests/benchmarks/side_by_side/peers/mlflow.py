"""MLflow: ``mlflow models serve`` of a model with a signature."""

from side_by_side.data import compact

from .peer import Peer


def _split(frame):
    document = frame.to_dict("split")
    return compact({"dataframe_split": {"columns": document["columns"], "data": document["data"]}})


MLFLOW = Peer(
    name="mlflow",
    requirements=("mlflow==3.17.2",),
    prepare=(("{python}", "mlflow_save.py", "{model}", "model"),),
    command=("{bin}/mlflow", "models", "serve", "-m", "model", "--env-manager", "local", "-p", "{port}"),
    path="/invocations",
    body=_split,
    classes=lambda answer: answer["predictions"],
)
