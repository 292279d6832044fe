"""The service of BentoML, as its documentation writes one: ``bentoml serve bento_service:Cancer``."""

import os

import bentoml
import joblib
import numpy as np

BATCHED = {"batchable": True, "max_batch_size": 64, "max_latency_ms": 1000}


@bentoml.service
class Cancer:
    """Predicts from an array of rows."""

    def __init__(self) -> None:
        self.model = joblib.load("model.joblib")

    @bentoml.api(**(BATCHED if os.environ.get("BATCHED") else {}))
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the classes."""
        return self.model.predict(rows)
