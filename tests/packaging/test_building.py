"""A package is complete, says what it is, and the same content is the same version."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.errors import DataError, ModelError, UsageError
from mlops_jupyter.packaging.request import check_name
from mlops_jupyter.packaging.sealing import verified
from mlops_jupyter.store.versions import list_versions

FOLDERS = ["model", "src", "config", "tests"]
PAPERS = ["MLmodel", "Dockerfile", "README.md", "requirements.txt", "requirements-test.txt", "MANIFEST.json"]


@pytest.mark.parametrize("part", [*FOLDERS, *PAPERS])
def test_every_part_is_there(delay, part):
    assert (delay.path / part).exists()


def test_the_folder_is_named_by_model_version_and_time(delay, workspace):
    assert delay.path.parent == workspace.packages / delay.digest[:16]
    assert delay.path.name.startswith("delay_v1.0.0_20")


def test_the_manifest_says_where_metrics_come_from(delay):
    document = verified(delay.path).document
    assert document["metrics"]["on"] == "test data"
    assert document["data"]["test"]["rows"] == 100
    assert {entry["value"] for entry in document["metrics"]["slices"]} == {"JFK", "LGA", "EWR"}
    assert 0.5 < document["metrics"]["values"]["accuracy"] <= 1


def test_no_path_of_this_machine_and_no_address_is_in_a_package(delay, workspace):
    for path in delay.path.rglob("*"):
        if path.is_file() and path.suffix in {".txt", ".md", ".json", ".yaml", ""}:
            text = path.read_text(encoding="utf-8")
            assert str(workspace.root) not in text, path
            assert "--index-url" not in text
            assert "--find-links /" not in text.replace("--find-links /wheels", "")


def test_the_card_shows_metrics_slices_and_a_call(delay):
    card = (delay.path / "README.md").read_text(encoding="utf-8")
    assert "Measured **on test data**" in card
    assert "| origin = JFK |" in card
    assert "curl http://127.0.0.1:8000/predict" in card


def test_stages_and_sizes_are_told(delay):
    assert {"model", "schema", "format", "pins", "seal"} <= set(delay.seconds)
    assert delay.sizes["model"] > 0


def test_the_same_content_is_the_same_version(delay, packaged, flights, pipeline):
    frame, target = flights()
    test, truth = flights(100, seed=1)
    again = packaged(
        pipeline().fit(frame, target),
        frame,
        name="delay",
        target=target,
        test_data=test,
        test_target=truth,
        slices=("origin",),
    )
    assert again.existed
    assert (again.path, again.version, again.digest) == (delay.path, delay.version, delay.digest)


def test_the_same_content_measured_anew_keeps_its_version_and_gets_a_new_card(packaged, flights, pipeline):
    frame, target = flights()
    model = pipeline(C=0.3).fit(frame, target)
    before = packaged(model, frame, name="remeasured", target=target)
    after = packaged(model, frame, name="remeasured", target=target, test_data=frame, test_target=target)
    assert before.metrics["on"] == "training data"
    assert after.metrics["on"] == "test data"
    assert (before.version, before.digest) == (after.version, after.digest)
    assert verified(after.path).document["metrics"]["on"] == "test data"


def test_versions_follow_the_contract(packaged, flights, pipeline, store):
    frame, target = flights()
    first = packaged(pipeline().fit(frame, target), frame, name="numbered", target=target)
    retrained = packaged(pipeline(C=0.5).fit(frame, target), frame, name="numbered", target=target)
    renamed = target.replace("on time", "early")
    broken = packaged(pipeline().fit(frame, renamed), frame, name="numbered", target=renamed)
    assert (first.version, retrained.version, broken.version) == ("1.0.0", "1.0.1", "2.0.0")
    assert broken.version_reason == "the classes of `arrival` lost on time and gained early"
    assert [record.state for record in list_versions(store, "numbered")] == ["packaged"] * 3


def test_a_threshold_decides_and_is_in_the_serving_config(packaged, flights, pipeline):
    frame, target = flights()
    built = packaged(pipeline().fit(frame, target), frame, name="bold", target=target, threshold=0.2)
    assert "threshold: 0.2" in (built.path / "config/serving_config.yaml").read_text()
    golden = json.loads((built.path / "tests/golden.json").read_text())
    for label, scores in zip(golden["predictions"], golden["probabilities"], strict=True):
        assert label == ("on time" if scores["on time"] >= 0.2 else "late")


def test_the_positive_class_is_the_one_that_threshold_and_metrics_mean(packaged, flights, pipeline):
    frame, target = flights()
    model = pipeline().fit(frame, target)
    other, meant = (
        packaged(model, frame, name="meant", target=target, positive=label).metrics
        for label in ("on time", "late")
    )
    assert (other["positive"], meant["positive"]) == ("on time", "late")
    assert other["values"]["recall"] != meant["values"]["recall"]
    assert other["values"]["accuracy"] == meant["values"]["accuracy"]
    bold = packaged(model, frame, name="meant", target=target, positive="late", threshold=0.2)
    assert "Measured **on training data**, for `late`." in (bold.path / "README.md").read_text()
    golden = json.loads((bold.path / "tests/golden.json").read_text())
    for label, scores in zip(golden["predictions"], golden["probabilities"], strict=True):
        assert label == ("late" if scores["late"] >= 0.2 else "on time")


def test_a_positive_class_that_is_none_of_the_models_names_the_nearest(packaged, flights, pipeline):
    frame, target = flights()
    with pytest.raises(UsageError, match="no class 'lat'; did you mean late"):
        packaged(pipeline().fit(frame, target), frame, name="meant", target=target, positive="lat")


def test_without_a_target_metrics_are_skipped_and_it_says_so(packaged, flights, pipeline):
    frame, target = flights()
    built = packaged(pipeline().fit(frame, target), frame, name="unmeasured")
    assert built.metrics["on"] is None
    assert "Not measured: no --target was given" in (built.path / "README.md").read_text()


def test_the_target_may_be_a_column_of_the_data(packaged, flights, pipeline):
    frame, target = flights()
    model = pipeline().fit(frame, target)
    built = packaged(model, frame.assign(arrival=target), name="column", target="arrival")
    assert built.metrics["on"] == "training data"
    assert "arrival" not in (built.path / "model/feature_schema.json").read_text().partition('"output"')[0]


def test_a_copy_is_written_where_it_is_wanted(packaged, flights, pipeline, tmp_path):
    frame, target = flights()
    built = packaged(pipeline().fit(frame, target), frame, name="copied", to=tmp_path)
    assert built.exported == tmp_path / built.path.name
    assert verified(built.exported).digest == built.digest
    assert [path.name for path in tmp_path.iterdir()] == [built.path.name]


@pytest.mark.parametrize("name", ["../x", "a/b", "", "Churn", "a b", "-x", "x" * 64, "ch\u00fcrn", ".."])
def test_a_name_that_could_be_a_path_is_refused(name):
    with pytest.raises(UsageError, match="cannot be a model's name"):
        check_name(name)


def test_an_unfitted_model_is_refused_in_one_line(packaged, flights, pipeline):
    frame, _ = flights()
    with pytest.raises(ModelError, match="this Pipeline is not fitted; call its fit first"):
        packaged(pipeline(), frame, name="unfitted")


def test_a_frame_whose_columns_do_not_match_is_refused_naming_the_nearest(packaged, flights, pipeline):
    frame, target = flights()
    model = pipeline().fit(frame, target)
    with pytest.raises(DataError, match=r"lacks column `distance`.*did you mean distanse"):
        packaged(model, frame.rename(columns={"distance": "distanse"}), name="mismatch")


def test_no_data_is_refused(packaged, flights, pipeline):
    frame, target = flights()
    with pytest.raises(UsageError, match="give --data X_train"):
        packaged(pipeline().fit(frame, target), None, name="nothing")


def test_a_refused_build_leaves_nothing(packaged, flights, pipeline, workspace):
    frame, _ = flights()
    with pytest.raises(ModelError):
        packaged(pipeline(), frame, name="refused")
    assert not list(workspace.packages.glob(".building-*"))


def test_a_slice_by_an_unknown_column_is_refused(packaged, flights, pipeline):
    frame, target = flights()
    with pytest.raises(DataError, match="no column 'orgin' to slice by; did you mean origin"):
        packaged(pipeline().fit(frame, target), frame, name="sliced", target=target, slices=("orgin",))
