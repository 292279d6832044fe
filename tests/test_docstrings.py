"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUN = re.compile(r"^ *>>> (?!.*doctest: \+SKIP)", re.MULTILINE)
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "mlops_jupyter").rglob("*.py")
    if RUN.search(path.read_text(encoding="utf-8"))
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name):
    said: list[str] = []
    runner, finder = doctest.DocTestRunner(verbose=False), doctest.DocTestFinder(exclude_empty=True)
    for examples in finder.find(importlib.import_module(name.removesuffix(".__init__"))):
        runner.run(examples, out=said.append)
    assert not said, "".join(said)
    assert runner.tries
