"""MLServer: its runtime for scikit-learn, asked in the V2 protocol with one tensor for all columns."""

from side_by_side.data import compact

from .peer import Peer


def _tensor(frame):
    values = frame.to_numpy()
    data = values.ravel().tolist()
    tensor = {"name": "predict", "shape": list(values.shape), "datatype": "FP64", "data": data}
    return compact({"inputs": [tensor]})


MLSERVER = Peer(
    name="mlserver",
    # its worker asks for the current event loop, which uvloop no longer makes
    requirements=("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0"),
    prepare=(("{python}", "models.py", "{model}", "model.joblib"),),
    command=("{bin}/mlserver", "start", "."),
    path="/v2/models/cancer/infer",
    body=_tensor,
    classes=lambda answer: answer["outputs"][0]["data"],
    variables=lambda port: {
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_GRPC_PORT": str(port + 1),
        "MLSERVER_METRICS_PORT": str(port + 2),
    },
)
