"""What a generation consists of: written and read by releases that may differ."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.spec import SPEC, GenerationSpec, VariantSpec, read_spec, write_spec

VARIANT = VariantSpec(0, "1.0.0", "d" * 64, "/nowhere/package", "local", "/nowhere/bin/python")


def test_a_generation_is_read_as_it_was_written(tmp_path):
    options = Options(unit="cookie:user", timeout=2.5, capture_masked=("name", "street"), rate=10.0)
    spec = GenerationSpec("churn", 3, "churn", 2, "/nowhere/bin/python", (VARIANT,), options)
    write_spec(tmp_path, spec)
    assert read_spec(tmp_path) == spec


def test_a_generation_of_an_earlier_release_has_the_usual_options(tmp_path):
    write_spec(tmp_path, GenerationSpec("churn", 1, "churn", 1, "/nowhere/bin/python", (VARIANT,)))
    document = json.loads((tmp_path / SPEC).read_bytes())
    del document["options"]
    (tmp_path / SPEC).write_text(json.dumps(document))
    assert read_spec(tmp_path).options == Options()


def test_what_a_later_release_added_is_left_out(tmp_path):
    write_spec(tmp_path, GenerationSpec("churn", 1, "churn", 1, "/nowhere/bin/python", (VARIANT,)))
    document = json.loads((tmp_path / SPEC).read_bytes())
    document["options"] |= {"of_tomorrow": 1, "timeout": 5.0}
    (tmp_path / SPEC).write_text(json.dumps(document))
    assert read_spec(tmp_path).options == Options(timeout=5.0)


def test_a_folder_without_one_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no readable"):
        read_spec(tmp_path)
