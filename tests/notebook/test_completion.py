"""Tab completion: in this process for what it offers, in a real kernel for how it arrives."""

import json
import sys
import time

import numpy as np
import pandas as pd
import pytest
from IPython.core.completer import CompletionContext, provisionalcompleter
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SLOWEST = 0.2  # seconds of a processor


@pytest.fixture
def known(workspace):
    """A workspace whose mirror knows a model with two versions, and one deployment."""
    root = workspace / ".mlops"
    (root / "deployments" / "churn-staging").mkdir(parents=True)
    (root / "deployments" / "churn-staging" / "deployment.json").write_text("{}")
    names = {
        "models": ["churn", "delay"],
        "versions": {"churn": ["1.1.0", "1.0.0"], "delay": ["2.0.0"]},
        "aliases": {"churn": ["champion"], "delay": []},
    }
    (root / "names.json").write_text(json.dumps(names))
    return workspace


@pytest.fixture
def offered(shell, known):
    """What Tab offers at the end of a line, and never slowly."""
    data = np.arange(20.0).reshape(10, 2)
    labels = np.arange(10) % 2
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, labels)
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(data, labels)
    frame = pd.DataFrame({"distance": [1], "dep delay": [2], "late": [0]})
    shell.user_ns.update(
        fitted=fitted, search=search, unfitted=LogisticRegression(), X_train=frame, y_train=labels, n_rows=3
    )

    def ask(text):
        began = time.thread_time()
        with provisionalcompleter():
            found = [completion.text for completion in shell.Completer.completions(text, len(text))]
        # where we have nothing to offer IPython asks jedi, and importing that is not ours
        assert "jedi" in sys.modules or time.thread_time() - began < SLOWEST
        return found

    return ask


@pytest.mark.parametrize("line", ["%mlops dep", "r = %mlops dep", "%%mlops dep", "    %mlops dep"])
def test_verbs_complete_in_line_assignment_and_cell_form(offered, line):
    assert offered(line) == ["deploy"]


def test_options_complete_once_each(offered):
    assert offered("%mlops audit --l") == ["--limit"]
    assert "--limit" not in offered("%mlops audit --limit 3 --")


def test_a_switch_that_is_remembered_completes_both_ways(offered):
    assert offered("%mlops deploy churn --no-iso") == ["--no-isolated"]
    assert "--isolated" in offered("%mlops deploy churn --")
    assert "--isolated" not in offered("%mlops deploy churn --no-isolated --")


def test_what_can_be_done_with_keys_and_what_they_are_good_for_completes(offered):
    assert offered("%mlops key ")[:3] == ["create", "list", "revoke"]
    assert offered("%mlops key create churn --scope f") == ["feedback"]


def test_models_versions_and_aliases_complete_from_the_mirror(offered):
    assert offered("%mlops remove ")[:2] == ["churn", "delay"]
    assert offered("%mlops remove churn 1.") == ["1.1.0", "1.0.0"]
    assert offered("%mlops remove churn @") == ["@champion"]
    assert "2.0.0" not in offered("%mlops remove churn ")


def test_deployments_complete(offered):
    assert offered("%mlops stop ch") == ["churn-staging"]


def test_fitted_models_are_offered_for_a_model_and_frames_for_data(offered):
    models = offered("%mlops package ")
    assert {"fitted", "search"} <= set(models)
    assert not {"unfitted", "n_rows", "X_train"} & set(models)
    data = offered("%mlops package fitted --data ")
    assert {"X_train", "y_train"} <= set(data)
    assert "fitted" not in data


def test_a_dotted_path_completes(offered):
    assert offered("%mlops package search.best_e") == ["search.best_estimator_"]


def test_the_columns_of_the_data_are_offered_for_the_target(offered):
    found = offered("%mlops package fitted --data X_train --target ")
    assert found[:3] == ["distance", "'dep delay'", "late"]


def test_variables_complete_inside_braces(offered):
    assert offered("%mlops audit --limit {n_") == ["{n_rows}"]


def test_files_complete(offered, known):
    (known / "train.py").touch()
    assert offered("%mlops track tr") == ["train.py"]


def test_after_an_equals_sign_the_value_completes(offered):
    assert offered("%mlops package fitted --data=X_") == ["X_train"]


ODD = ("nosuchverb ", "audit 'open ", "audit {nosuch", "package fitted --data nil --target ")


@pytest.mark.parametrize("rest", ODD)
def test_in_an_odd_line_nothing_of_ours_is_offered_and_nothing_raised(shell, rest):
    (matcher,) = shell.Completer.custom_matchers
    line = f"%mlops {rest}"
    context = CompletionContext("", line, len(line), 0, None)
    offered = {completion.text for completion in matcher(context)["completions"]}
    assert offered <= {"--help"}


def test_an_object_that_raises_when_looked_at_offers_nothing(offered, shell):
    shell.user_ns["X_train"] = type("Odd", (), {"columns": property(lambda self: 1 / 0)})()
    assert "distance" not in offered("%mlops package fitted --data X_train --target ")


def test_the_versions_of_a_deployments_model_complete(offered, known):
    (known / ".mlops/deployments/churn-staging/deployment.json").write_text('{"model": "churn"}')
    assert offered("%mlops rollback churn-staging --to 1.") == ["1.1.0", "1.0.0"]


def test_a_kernel_answers_with_types_and_places(kernel):
    code = "import os\nr = %mlops aud"
    kernel.complete(code, len(code))
    content = kernel.get_shell_msg(timeout=60)["content"]
    assert content["matches"] == ["audit"]
    assert code[content["cursor_start"] : content["cursor_end"]] == "aud"
    assert content["metadata"]["_jupyter_types_experimental"][0]["type"] == "verb"


def test_a_kernel_completes_without_mlflow(kernel):
    code = "%mlops remove churn --h"
    kernel.complete(code, len(code))
    assert kernel.get_shell_msg(timeout=60)["content"]["matches"] == ["--help"]
    kernel.execute_interactive("import sys; assert 'mlflow' not in sys.modules", timeout=60)


def test_a_kernel_inspects_the_magic(kernel):
    kernel.inspect("%mlops", 3)
    assert "Show who did what and when" in kernel.get_shell_msg(timeout=60)["content"]["data"]["text/plain"]
