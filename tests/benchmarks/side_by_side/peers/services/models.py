"""The two models, fitted in the environment that serves them.

``python models.py <model> <file.joblib>`` for those whose service is sent arrays, which are quicker to
predict from than frames.
"""

import sys

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def fit(name, table, *, frame):
    """Return a fitted model: ``logistic`` or ``forest``."""
    if name == "forest":
        model = RandomForestClassifier(n_estimators=100, random_state=0)
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(table.data if frame else table.data.to_numpy(), table.target)


if __name__ == "__main__":
    joblib.dump(fit(sys.argv[1], load_breast_cancer(as_frame=True), frame=False), sys.argv[2])
