"""The format is chosen, said why, and what comes back answers the same."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlops_jupyter.errors import ModelError
from mlops_jupyter.packaging.formats import save_model
from mlops_jupyter.packaging.formats.skops_file import normalised
from mlops_jupyter.serving.parts import parts
from mlops_jupyter.serving.runtimes import open_runtime
from tests.packaging.formats.conftest import schema_for

FEATURES = np.random.default_rng(0).normal(size=(80, 2))
LABELS = np.where(FEATURES[:, 0] > 0, "late", "on time")


def line():
    return LogisticRegression().fit(FEATURES, LABELS)


def test_onnx_is_chosen_where_it_answers_the_same(keep):
    opened = keep(line(), FEATURES)
    assert opened.saved.config == {
        "format": "onnx",
        "model": "model/model.onnx",
        "preprocessor": None,
        "code": [],
        "estimator": "sklearn.linear_model._logistic.LogisticRegression",
        "options": {},
    }
    assert "answers the same" in opened.saved.why
    assert opened.labels == line().predict(FEATURES).tolist()


def test_of_a_search_the_best_estimator_is_saved(keep):
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1]}, cv=2).fit(
        FEATURES, LABELS
    )
    opened = keep(search, FEATURES, format="skops")
    assert type(opened.runtime.model) is Pipeline
    assert opened.labels == search.predict(FEATURES).tolist()


def test_columns_selected_by_their_type_and_iterative_imputers_are_saved(keep):
    frame = pd.DataFrame(FEATURES, columns=["a", "b"]).assign(c=["x", "y"] * 40)
    frame.loc[::5, "a"] = np.nan
    encode = make_column_transformer(
        (IterativeImputer(max_iter=2), make_column_selector(dtype_include=np.number)),
        (OneHotEncoder(), make_column_selector(dtype_exclude=np.number)),
    )
    model = make_pipeline(encode, LogisticRegression()).fit(frame, LABELS)
    assert keep(model, frame, format="skops").labels == model.predict(frame).tolist()


@pytest.mark.parametrize("wanted", ["onnx", "skops"])
def test_a_format_that_is_asked_for_is_used(keep, wanted):
    opened = keep(line(), FEATURES, format=wanted)
    assert opened.saved.format == wanted
    np.testing.assert_allclose(opened.answer.probabilities[0], line().predict_proba(FEATURES), atol=1e-12)


@pytest.mark.parametrize(("classes", "kind"), [([True, False], bool), ([3, 7], int), (["a", "b"], str)])
def test_labels_come_back_in_the_types_they_were(keep, classes, kind):
    target = np.array(classes)[(FEATURES[:, 0] > 0).astype(int)]
    opened = keep(LogisticRegression().fit(FEATURES, target), FEATURES)
    assert opened.saved.format == "onnx"
    assert {type(label) for label in opened.labels} == {kind}


def test_a_sparse_matrix_is_served(keep):
    sparse = csr_array(np.where(FEATURES > 0, FEATURES, 0))
    model = LogisticRegression().fit(sparse, LABELS)
    assert keep(model, sparse).labels == model.predict(sparse).tolist()


def test_texts_are_served(keep):
    texts = ["good day", "bad day"] * 10
    model = make_pipeline(TfidfVectorizer(stop_words=["a", "the"]), GaussianishLine()).fit(texts, [1, 0] * 10)
    assert keep(model, texts, format="skops").labels == model.predict(texts).tolist()


def GaussianishLine():  # noqa: N802
    return LogisticRegression(C=10)


def test_every_thread_but_one_is_switched_off(keep):
    model = make_pipeline(StandardScaler(), CalibratedClassifierCV(RandomForestClassifier(3), cv=2))
    model.fit(FEATURES, LABELS)
    for part in parts(model):
        if hasattr(part, "n_jobs"):
            part.n_jobs = 2
    opened = keep(model, FEATURES, format="skops")
    assert {part.n_jobs for part in parts(opened.runtime.model) if hasattr(part, "n_jobs")} == {1}
    assert model[-1].n_jobs == 2, "the model in the notebook stays as it was"


def test_a_separate_preprocessor_has_a_file_of_its_own(keep):
    before = StandardScaler().fit(FEATURES)
    model = GaussianNB().fit(before.transform(FEATURES), LABELS)
    opened = keep(model, FEATURES, preprocessor=before, described=make_pipeline(before, model))
    assert opened.saved.config["preprocessor"] == {"format": "skops", "model": "model/preprocessor.skops"}
    assert (opened.folder / "model/preprocessor.skops").exists()
    assert opened.labels == model.predict(before.transform(FEATURES)).tolist()


def shift(x):
    return x + 1


@pytest.fixture
def from_the_notebook(monkeypatch):
    """A function that a cell of the notebook defined."""
    monkeypatch.setattr(shift, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "shift", shift, raising=False)
    return make_pipeline(FunctionTransformer(shift), LogisticRegression()).fit(FEATURES, LABELS)


def test_a_function_of_the_notebook_is_named_with_the_remedy(keep, from_the_notebook):
    with pytest.raises(ModelError, match=r"shift is defined in the notebook.*%%writefile.*--allow-pickle"):
        keep(from_the_notebook, FEATURES)


def test_a_function_of_the_notebook_goes_along_by_value_when_allowed(keep, from_the_notebook, monkeypatch):
    opened = keep(from_the_notebook, FEATURES, allow_pickle=True)
    monkeypatch.delattr(sys.modules["__main__"], "shift")
    assert opened.saved.format == "cloudpickle"
    assert "pickle was allowed" in opened.saved.why
    assert opened.labels == from_the_notebook.predict(FEATURES).tolist()


def test_pickle_is_never_used_without_leave(keep):
    with pytest.raises(ModelError, match=r"not allowed.*--allow-pickle"):
        keep(line(), FEATURES, format="cloudpickle")


def test_an_unknown_format_lists_the_known(keep):
    with pytest.raises(ModelError, match="did you mean skops"):
        keep(line(), FEATURES, format="skop")


def test_a_model_of_another_library_is_not_saved_as_xgboost(keep):
    with pytest.raises(ModelError, match="no xgboost model"):
        keep(line(), FEATURES, format="xgboost")


def test_nothing_is_left_of_a_refused_model(tmp_path, from_the_notebook):
    with pytest.raises(ModelError):
        save_model(from_the_notebook, tmp_path, FEATURES, schema_for(from_the_notebook, FEATURES))
    assert not list((tmp_path / "model").iterdir())


def test_the_same_model_is_saved_in_the_same_bytes(tmp_path):
    model = RandomForestClassifier(3, random_state=0).fit(FEATURES, LABELS)
    written = []
    for name in ("one", "two"):
        save_model(model, tmp_path / name, FEATURES, schema_for(model, FEATURES), format="skops")
        written.append((tmp_path / name / "model/model.skops").read_bytes())
    assert written[0] == written[1]


def test_normalised_files_keep_what_is_shared(tmp_path):
    import skops.io

    shared = FEATURES.copy()
    (tmp_path / "m.skops").write_bytes(
        normalised(skops.io.dumps({"one": shared, "two": shared, "set": {"b", "a"}}))
    )
    back = skops.io.load(tmp_path / "m.skops")
    assert back["one"] is back["two"]
    assert back["set"] == {"a", "b"}
    np.testing.assert_array_equal(back["one"], FEATURES)


def test_an_unknown_format_in_a_package_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="unknown model format 'pickle'"):
        open_runtime(tmp_path, {"format": "pickle"}, {})
