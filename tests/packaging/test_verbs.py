"""`package` and `verify`, as every face calls them."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError
from mlops_jupyter.verbs.building import package, verify


@pytest.fixture(scope="module")
def result(workspace, flights, pipeline):
    frame, target = flights()
    model = pipeline().fit(frame, target)
    return package(
        model, name="spoken", data=frame.assign(arrival=target), target="arrival", slices=["origin"]
    )


def test_the_first_line_says_what_was_made(result):
    assert result.headline == "packaged spoken 1.0.0: the first version"


def test_it_says_the_folder_the_format_the_metrics_the_sizes_and_the_times(result):
    text = str(result)
    for word in (str(result.path)[-20:], result.format, "on training data", "accuracy", "pins"):
        assert word in text


def test_the_result_is_json(result):
    assert json.loads(json.dumps(result.to_dict(), default=str))["version"] == "1.0.0"


def test_the_python_it_stands_for_is_offered(result):
    assert result.code.startswith("mlops.package(")


def test_the_same_again_says_that_it_is_packaged_already(result, flights, pipeline):
    frame, target = flights()
    model = pipeline().fit(frame, target)
    again = package(
        model, name="spoken", data=frame.assign(arrival=target), target="arrival", slices=["origin"]
    )
    assert again.headline == "spoken 1.0.0 is already packaged: the content is the same"


@pytest.mark.parametrize("word", ["spoken", "spoken/1.0.0", "folder"])
def test_a_package_is_verified_by_folder_or_by_name(result, word):
    found = verify(str(result.path) if word == "folder" else word)
    assert found.headline.startswith("spoken 1.0.0 is whole: all ")
    assert found.digest == result.digest


def test_a_changed_file_is_named(result):
    card = result.path / "README.md"
    before = card.read_bytes()
    card.write_bytes(before + b".")
    try:
        with pytest.raises(IntegrityError, match=r"README\.md: changed"):
            verify("spoken")
    finally:
        card.write_bytes(before)


def test_an_unknown_package_names_the_nearest(result):
    with pytest.raises(NotFoundError, match="did you mean spoken"):
        verify("spokn")


def test_a_name_that_is_a_path_is_refused_before_anything_else(flights):
    with pytest.raises(UsageError, match=r"'\.\./x' cannot be a model's name"):
        package(object(), name="../x")


ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import make_flights, make_pipe
from mlops_jupyter.verbs.building import package

frame, target = make_flights()
print(package(make_pipe().fit(frame, target), name="elsewhere", data=frame, target=target).digest)
"""


def test_another_process_with_another_hash_seed_makes_the_same_bytes(
    run_python, request, packaged, flights, pipeline, workspace
):
    frame, target = flights()
    here = packaged(pipeline().fit(frame, target), frame, name="elsewhere", target=target)
    folder = str(request.path.parent)
    done = run_python(ELSEWHERE, folder, PYTHONHASHSEED="7", MLOPS_HOME=str(workspace.root))
    assert done.stdout.strip() == here.digest, done.stderr
