from __future__ import annotations

import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.definition.finding import find_pipeline


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two", ".hidden", "node_modules"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_the_one_in_the_working_folder_is_meant(folder):
    (folder / "pipeline.yaml").touch()
    (folder / "one" / "pipeline.yaml").touch()
    assert find_pipeline(None, folder) == folder / "pipeline.yaml"


def test_else_the_only_one_in_a_folder_below(folder):
    for name in ("two", ".hidden", "node_modules"):
        (folder / name / "pipeline.yaml").touch()
    assert find_pipeline(None, folder) == folder / "two" / "pipeline.yaml"


def test_of_several_one_must_be_named(folder):
    for name in ("one", "two"):
        (folder / name / "pipeline.yaml").touch()
    with pytest.raises(UsageError, match=r"name one: one/pipeline\.yaml, two/pipeline\.yaml"):
        find_pipeline(None, folder)


def test_without_any_it_says_how_to_write_one(folder):
    with pytest.raises(NotFoundError, match="init NOTEBOOKS… writes one"):
        find_pipeline(None, folder)


def test_a_folder_stands_for_the_file_in_it(folder):
    (folder / "one" / "pipeline.yml").touch()
    assert find_pipeline("one", folder) == folder / "one" / "pipeline.yml"
    with pytest.raises(NotFoundError, match=r"no pipeline\.yaml in two"):
        find_pipeline("two", folder)


def test_a_file_that_is_not_there_is_told_with_the_nearest(folder):
    (folder / "one" / "pipeline.yaml").touch()
    with pytest.raises(NotFoundError, match=r"no pipeline at one/pipline\.yaml; did you mean "):
        find_pipeline("one/pipline.yaml", folder)


def test_a_notebook_is_no_pipeline(folder):
    (folder / "a.ipynb").touch()
    with pytest.raises(UsageError, match=r"mlops pipeline init a\.ipynb writes a pipeline of it"):
        find_pipeline("a.ipynb", folder)
