"""The server of LitServe, as its documentation writes one: ``python lit_service.py <port>``."""

import os
import sys

import joblib
import litserve as ls
import numpy as np

BATCHED = {"max_batch_size": 64, "batch_timeout": 0.005}


class Cancer(ls.LitAPI):
    """Predicts from an array of rows; batched, from the rows of several requests."""

    def setup(self, device):
        self.model = joblib.load("model.joblib")

    def decode_request(self, request):
        return np.asarray(request["input"])

    def predict(self, x):
        if isinstance(x, np.ndarray) and x.ndim == 3:  # several requests of as many rows each
            return self.model.predict(x.reshape(-1, x.shape[-1])).reshape(x.shape[:2])
        return self.model.predict(x)

    def encode_response(self, output):
        return {"output": output.tolist()}


if __name__ == "__main__":
    api = Cancer(**(BATCHED if os.environ.get("BATCHED") else {}))
    ls.LitServer(api, accelerator="cpu").run(port=int(sys.argv[1]), generate_client_file=False)
