"""Names on a `%mlops` line become the notebook's objects, else addresses and files, else a clear line."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.notebook.namespace import NotebookFace, fitting_variables
from mlops_jupyter.verbs import tracking
from mlops_jupyter.verbs.types import Data, Model
from mlops_jupyter.verbs.words import NOTHING, Word

ROWS, LABELS = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
SPACE = {
    "pipe": make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS),
    "search": GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(ROWS, LABELS),
    "unfitted": make_pipeline(StandardScaler(), LogisticRegression()),
    "frame": pd.DataFrame(ROWS, columns=["a", "b"]),
    "rows": ROWS,
    "Kind": LogisticRegression,
    "_hidden": ROWS,
    "count": 3,
}
FACE = NotebookFace(SPACE, SPACE)


def test_a_name_and_a_dotted_path_are_objects():
    assert FACE.resolve(Model, Word("pipe")) is SPACE["pipe"]
    assert FACE.resolve(Model, Word("search.best_estimator_")) is SPACE["search"].best_estimator_


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Model, "pip", "no variable named pip; did you mean pipe?"),
        (Data, "fram", "no variable named fram; did you mean frame?"),
        (Model, "search.best_estimtor_", "GridSearchCV has no best_estimtor_; did you mean best_estimator_"),
        (Model, "serch.best_estimator_", "no variable named serch.best_estimator_"),
        (Data, "nowhere.csv", "there is no file 'nowhere.csv'"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(workspace, kind, text, message):
    with pytest.raises(NotFoundError) as failure:
        FACE.resolve(kind, Word(text))
    assert message in str(failure.value)


def test_an_address_stays_one_and_a_file_is_read(workspace):
    assert FACE.resolve(Model, Word("models:/churn/3")) == "models:/churn/3"
    SPACE["frame"].to_csv("train.csv", index=False)
    assert FACE.resolve(Data, Word("train.csv")).shape == (10, 2)


def test_a_variable_comes_before_a_file_of_its_name(workspace):
    (workspace / "frame").write_text("not this")
    assert FACE.resolve(Data, Word("frame")) is SPACE["frame"]


def test_only_what_looks_fitted_is_a_model_and_only_frames_and_arrays_are_data():
    assert {name for name, _ in fitting_variables(Model, SPACE)} == {"pipe", "search"}
    assert {name for name, _ in fitting_variables(Data, SPACE)} == {"frame", "rows"}


def test_a_word_that_is_no_variable_is_nothing():
    assert FACE.variable(Word("nowhere")) is NOTHING


def test_the_run_in_which_a_model_was_made_is_known_until_it_is_made_anew(monkeypatch):
    monkeypatch.setattr(tracking, "_runs", [tracking._Tracked("run-1", {"pipe": id(SPACE["pipe"])})])
    assert FACE.run_behind(Word("pipe")) == "run-1"
    assert FACE.run_behind(Word("", SPACE["pipe"], "pipe")) == "run-1"
    assert FACE.run_behind(Word("search")) is None
    assert NotebookFace({**SPACE, "pipe": object()}, SPACE).run_behind(Word("pipe")) is None
