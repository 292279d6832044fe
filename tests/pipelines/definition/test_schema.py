"""The schema that editors read says what our own checks say."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
import yaml
from jsonschema import Draft202012Validator

from mlops_jupyter.pipelines.definition.fields import OF_DEFAULTS, OF_PIPELINE, OF_STEP
from mlops_jupyter.pipelines.definition.positions import PipelineError

SCHEMA = json.loads(files("mlops_jupyter.pipelines.definition").joinpath("pipeline.schema.json").read_text())
CHECKED = Draft202012Validator(SCHEMA)

FULL = """
name: delays
parameters: {month: 1, depth: 3}
defaults: {retries: 1, timeout: 10m}
mlflow: false
steps:
  a: a.ipynb
  b:
    notebook: n.ipynb
    parameters: {month: "@param(month)", day: "@date(%Y-%m-%d, -1 day)"}
    inputs: [raw/*.parquet]
    outputs: ["data/@param(depth).parquet"]
    after: a
    matrix: {depth: [3, 5]}
    retries: 2
    timeout: 30m
    resources: {memory: 2GB, cpus: 1}
    variables: [FEATURE_FLAG]
    secrets: {token: "env:API_TOKEN", key: "keyring:https://x.org/me"}
    warm: [pandas, sklearn]
    kernel: python3
  c: {notebook: c.ipynb, warm: false}
"""


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_knows_the_keys_that_reading_knows():
    assert SCHEMA["properties"].keys() == OF_PIPELINE.keys()
    assert SCHEMA["properties"]["defaults"]["properties"].keys() == OF_DEFAULTS.keys()
    assert SCHEMA["$defs"]["step"]["properties"].keys() == OF_STEP.keys() | {"name"}


def test_a_file_with_everything_in_it_passes_both(project):
    project.notebook("n.ipynb", parameters="month = 1\nday = ''\ndepth = 2")
    assert len(project.read(FULL).steps) == 4
    assert CHECKED.is_valid(yaml.safe_load(FULL))


@pytest.mark.parametrize(
    "step",
    [
        "{timeout: soon}",
        "{retries: -1}",
        "{retries: 1.5}",
        "{retrys: 1}",
        "{resources: {memory: lots}}",
        "{resources: {cpus: 0}}",
        "{resources: {gpus: 1}}",
        "{matrix: {x: 3}}",
        "{matrix: {x: [[1]]}}",
        "{secrets: {token: hunter2}}",
        "{secrets: {token: 'env:a-b'}}",
        "{warm: true}",
        "{kernel: 3}",
        "{inputs: [3]}",
        "{parameters: {'a b': 3}}",
        "{notebook: a.py}",
    ],
)
def test_what_one_refuses_the_other_refuses(project, step):
    text = (
        f"steps: {{a: {{notebook: a.ipynb, {step[1:]}}}"
        if "notebook" not in step
        else f"steps: {{a: {step}}}"
    )
    assert not CHECKED.is_valid(yaml.safe_load(text))
    with pytest.raises(PipelineError):
        project.read(text)
