"""Save a model for ``mlflow models serve``: ``python mlflow_save.py <model> <folder>``."""

import sys

import mlflow
from mlflow.models import infer_signature
from models import fit
from sklearn.datasets import load_breast_cancer

table = load_breast_cancer(as_frame=True)
model = fit(sys.argv[1], table, frame=True)
signature = infer_signature(table.data, model.predict(table.data))
# its default, skops, refuses a forest: its trees are not on its list of what is trusted
mlflow.sklearn.save_model(model, sys.argv[2], signature=signature, serialization_format="cloudpickle")
