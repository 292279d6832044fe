"""A package knows what its training data was like, and that says nothing of which version it is."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.packaging import profile as reference_profiles
from mlops_jupyter.packaging.content import make_schema, serving_config
from mlops_jupyter.packaging.profile import read_reference, write_reference
from mlops_jupyter.packaging.request import PackageRequest
from mlops_jupyter.packaging.sealing import verified
from mlops_jupyter.packaging.subject import open_subject
from mlops_jupyter.profiles.files import PACKAGE_FILE, read_profile
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.serving.manifest import content_digest, file_entry
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.layout import make_layout
from mlops_jupyter.serving.router import Contract


@pytest.fixture
def referenced(tmp_path):
    """Make the profile alone, as building does: ``referenced(model, data, target)``."""

    def make(model, data, target=None, threshold=None):
        subject = open_subject(PackageRequest(model, "alone", data, target))
        schema = make_schema(subject)
        note = write_reference(tmp_path, subject, schema, serving_config(schema, threshold))
        columns = make_layout(Contract("", schema, {}), Options()).columns
        names = [column.column for column in columns if column.part != "request"]
        return read_profile(tmp_path / PACKAGE_FILE), names, note

    return make


def copied(built, folder):
    return shutil.copytree(built.path, folder / "copy")


def test_the_profile_is_of_the_training_data(delay, flights):
    frame, _ = flights()
    found, expected = read_reference(delay.path).profile, profile_table(frame)
    assert found.rows == len(frame)
    assert found.columns["origin"].levels == expected.columns["origin"].levels
    for name in ("distance", "hour"):
        assert found.columns[name].edges.digest == expected.columns[name].edges.digest
        assert np.array_equal(found.columns[name].counts, expected.columns[name].counts)


def test_the_profile_is_of_what_the_model_answers_too(referenced, flights, pipeline):
    frame, target = flights()
    model = pipeline().fit(frame, target)
    reference, _, note = referenced(model, frame, target)
    assert note == ""
    labels, counts = np.unique(model.predict(frame), return_counts=True)
    assert reference.profile.columns["prediction"].levels == dict(zip(labels, counts, strict=True))
    scores = reference.profile.columns["score.late"]
    assert scores.mean == pytest.approx(model.predict_proba(frame)[:, 0].mean())
    assert reference.roles["distance"] == "feature"
    assert (reference.roles["prediction"], reference.roles["score.late"]) == ("prediction", "score")


def test_its_columns_are_named_as_they_are_captured(referenced, flights, pipeline):
    frame, target = flights()
    reference, names, _ = referenced(pipeline().fit(frame, target), frame, target)
    assert list(reference.profile.columns) == names


def test_a_feature_with_the_name_of_a_captured_column_is_named_as_it_is_captured(referenced):
    frame = pd.DataFrame({"status": np.arange(50.0), "prediction": np.arange(50.0)})
    reference, names, _ = referenced(LinearRegression().fit(frame, frame["status"]), frame)
    assert list(reference.profile.columns) == names == ["feature.status", "feature.prediction", "prediction"]


def test_the_threshold_decides_what_the_model_answered(referenced, flights, pipeline):
    frame, target = flights()
    model = pipeline().fit(frame, target)
    reference, _, _ = referenced(model, frame, target, threshold=0.2)
    levels = reference.profile.columns["prediction"].levels
    assert levels["on time"] == np.count_nonzero(model.predict_proba(frame)[:, 1] >= 0.2)


@pytest.mark.parametrize(
    ("name", "data", "fit"),
    [
        ("matrix", np.arange(60.0).reshape(20, 3), lambda data: LinearRegression().fit(data, data[:, 0])),
        (
            "outputs",
            pd.DataFrame({"a": np.arange(20.0), "b": 1.0}),
            lambda data: RandomForestClassifier(3).fit(data, np.column_stack([data["a"] > 5, data["a"] > 9])),
        ),
        (
            "texts",
            [f"{word} flight {number}" for number in range(30) for word in ("late", "good")],
            lambda data: make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(data, [0, 1] * 30),
        ),
        (
            "categories",
            pd.DataFrame({"hour": range(30), "kind": pd.Series(["a", "b", None] * 10, dtype="category")}),
            lambda data: DummyClassifier().fit(data, [True, False] * 15),
        ),
    ],
)
def test_models_of_every_kind_of_data_have_a_profile(referenced, name, data, fit):
    reference, names, _ = referenced(fit(data), data)
    assert list(reference.profile.columns) == names
    assert [c.why for c in reference.profile.columns.values() if hasattr(c, "why")] == []
    assert {column.rows for column in reference.profile.columns.values()} == {len(data)}


def test_it_is_no_part_of_the_content_digest(delay):
    manifest = verified(delay.path)
    assert PACKAGE_FILE in manifest.files
    without = {path: entry for path, entry in manifest.files.items() if path != PACKAGE_FILE}
    assert content_digest(without) == manifest.digest == delay.digest


def test_other_rows_for_the_same_model_are_the_same_version_with_a_newer_profile(packaged, flights, pipeline):
    frame, target = flights()
    model = pipeline(C=0.7).fit(frame, target)
    ranges = pd.concat(
        [frame.iloc[[frame[name].argmin(), frame[name].argmax()]] for name in ("distance", "hour")]
    )
    some = pd.concat([frame.head(40), ranges]).reset_index(drop=True)
    before = packaged(model, frame, name="shown")
    after = packaged(model, pd.concat([frame, some]).reset_index(drop=True), name="shown")
    assert (before.digest, before.version) == (after.digest, after.version)
    assert read_reference(after.path).profile.rows == len(frame) + len(some)


def test_a_changed_profile_is_refused_by_its_name(delay, tmp_path):
    package = copied(delay, tmp_path)
    data = bytearray((package / PACKAGE_FILE).read_bytes())
    data[-10] ^= 1
    (package / PACKAGE_FILE).write_bytes(data)
    with pytest.raises(IntegrityError, match=r"model/reference_profile.bin: changed \(its hash differs\)"):
        read_reference(package)


def test_a_removed_profile_is_refused_by_its_name(delay, tmp_path):
    package = copied(delay, tmp_path)
    (package / PACKAGE_FILE).unlink()
    with pytest.raises(IntegrityError, match=r"model/reference_profile.bin: missing"):
        verified(package)


def test_a_profile_put_beside_is_refused_by_its_name(delay, tmp_path):
    package = made_before(delay, tmp_path)
    shutil.copy(delay.path / PACKAGE_FILE, package / PACKAGE_FILE)
    with pytest.raises(IntegrityError, match=r"model/reference_profile.bin: not in MANIFEST.json"):
        read_reference(package, delay.digest)


def test_a_package_made_before_there_were_profiles_verifies_and_has_none(delay, tmp_path):
    package = made_before(delay, tmp_path)
    assert verified(package, delay.digest).digest == delay.digest
    assert read_reference(package, delay.digest) is None


def made_before(built, folder):
    """Return a package as an earlier release wrote it: no profile in it, and none in its manifest."""
    package = copied(built, folder)
    (package / PACKAGE_FILE).unlink()
    document = json.loads((package / "MANIFEST.json").read_text())
    del document["files"][PACKAGE_FILE]
    (package / "MANIFEST.json").write_text(json.dumps(document))
    return package


def test_it_is_small(delay):
    entry = file_entry(delay.path / PACKAGE_FILE)
    assert entry["size"] < 40_000 * len(read_reference(delay.path).profile.columns)


class Choosy(LinearRegression):
    """Answers few rows only."""

    def predict(self, rows):
        if len(rows) > 250:
            raise ValueError("too many rows\nat once")
        return super().predict(rows)


def test_a_model_that_cannot_answer_its_own_rows_has_the_profile_of_these_alone(referenced):
    frame = pd.DataFrame({"a": np.arange(300.0)})
    reference, _, note = referenced(Choosy().fit(frame, frame["a"]), frame)
    assert note == "the model's answers are not profiled: ValueError: too many rows"
    assert list(reference.profile.columns) == ["a"]


def test_very_many_features_are_told_and_the_answers_are_profiled(referenced, monkeypatch):
    monkeypatch.setattr(reference_profiles, "_COLUMNS", 4)
    data = np.random.default_rng(0).normal(size=(30, 5))
    reference, _, note = referenced(LinearRegression().fit(data, data[:, 0]), data)
    assert note == "5 features are too many to profile"
    assert list(reference.profile.columns) == ["prediction"]


def test_many_features_have_fewer_cells_each(referenced, monkeypatch):
    monkeypatch.setattr(reference_profiles, "_CELLS", 400)
    data = np.random.default_rng(0).normal(size=(2000, 8))
    reference, _, _ = referenced(LinearRegression().fit(data, data[:, 0]), data)
    few, many = reference.profile.columns["x0"].counts, profile_table(data).columns["x0"].counts
    assert 50 < len(few) < len(many) / 3
    assert few.sum() == many.sum() == 2000


def test_a_model_is_asked_about_no_more_rows_than_it_takes(referenced, monkeypatch, flights, pipeline):
    monkeypatch.setattr(reference_profiles, "_ANSWERED", 100)
    frame, target = flights()
    reference, _, _ = referenced(pipeline().fit(frame, target), frame)
    assert reference.profile.columns["prediction"].rows == reference.about["answered"] == 100
    assert reference.profile.columns["hour"].rows == 300
