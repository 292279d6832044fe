"""One rule from an effect to a verdict, shared with the widget's JavaScript."""

import json
from pathlib import Path

import pytest

from mlops_jupyter.stats.verdicts import Effect, judge, rows_needed

CASES = json.loads((Path(__file__).parent / "judge_cases.json").read_text())


@pytest.mark.parametrize("case", CASES["judge"], ids=lambda case: case["name"])
def test_an_effect_is_judged_as_the_widget_judges_it(case):
    effect = Effect(**case["effect"], limits=tuple(case["limits"]))
    assert judge(effect, case["rows"], case["rows_needed"]) == case["verdict"]


@pytest.mark.parametrize("case", CASES["rows_needed"], ids=lambda case: case["measure"])
def test_rows_needed_are_counted_as_the_widget_counts_them(case):
    found = rows_needed(
        case["measure"], tuple(case["limits"]), case["reference_rows"], case["cells"], case["row_variance"]
    )
    assert found == case["rows_needed"]
