"""The command table is whole: every verb documented, light to read, and no room bears its name."""

import subprocess
import sys
from pathlib import Path

import pytest

import mlops_jupyter as mlops
from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs import table
from mlops_jupyter.verbs.results import Result

PACKAGE = Path(mlops.__file__).parent
STAGES = {"track", "build", "catalog", "endpoints", "monitor", "pipeline", "workspace"}


@pytest.mark.parametrize("name", table.MODULES)
def test_a_verb_has_a_numpy_docstring_with_every_parameter_an_example_and_what_it_returns(name):
    command = table.command(name)
    assert command.stage in STAGES
    assert command.summary.endswith(".")
    assert [p.name for p in command.parameters if not p.text] == []
    assert {"Returns", "Examples"} <= set(command.sections)
    assert f"mlops.{name.replace(' ', '.')}(" in command.sections["Examples"]


@pytest.mark.parametrize("name", table.MODULES)
def test_a_verb_says_which_result_it_returns(name):
    function = table.load(name)
    written = function.__annotations__["return"]
    kind = function.__wrapped__.__globals__.get(written)
    assert kind is not None, f"{written} is not to be found in {function.__module__}"
    assert issubclass(kind, Result)
    assert "blocks" in dir(kind)


def test_no_room_and_no_module_at_the_top_bears_a_verbs_name():
    rooms = {path.stem for path in PACKAGE.iterdir()}
    files = {path.stem for path in (PACKAGE / "verbs").iterdir()}
    assert not (rooms | files) & set(table.MODULES)


def test_every_verb_is_a_function_of_the_package():
    assert set(table.words_of()) <= set(dir(mlops))
    assert mlops.audit is table.load("audit")
    assert mlops.agent is table.load("agent")
    with pytest.raises(AttributeError, match="has no attribute 'depoly'"):
        _ = mlops.depoly


def test_a_verb_of_two_words_is_a_function_of_its_group():
    assert set(table.words_of("pipeline")) == set(dir(mlops.pipeline))
    assert mlops.pipeline.run is table.load("pipeline run")
    assert mlops.pipeline.next is table.load("pipeline next")
    with pytest.raises(AttributeError, match="has no verb 'rnu'"):
        _ = mlops.pipeline.rnu


def test_every_verb_of_two_words_has_a_group_that_says_what_it_is_for():
    groups = {name.partition(" ")[0] for name in table.MODULES if " " in name}
    assert groups == set(table.GROUPS)
    assert not groups & set(table.MODULES)


def test_an_unknown_verb_of_a_group_names_the_nearest():
    with pytest.raises(UsageError, match="there is no verb 'pipeline rnu'; did you mean run"):
        table.command("pipeline rnu")


def test_reading_the_whole_table_imports_nothing_heavy():
    code = (
        "import sys; from mlops_jupyter.verbs import table; table.commands(); "
        "heavy = {'mlflow', 'pandas', 'numpy', 'sklearn', 'sqlalchemy', 'fastapi', 'matplotlib', 'scipy', "
        "'papermill', 'nbformat', 'yaml', 'mlops_jupyter.agents'}; "
        "print(*heavy & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
