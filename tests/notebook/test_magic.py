"""`%mlops` in a notebook: results, bindings, expressions, help, errors."""

import io
from contextlib import redirect_stdout

import pytest

from mlops_jupyter.errors import MlopsError, NotFoundError, UsageError
from mlops_jupyter.store import settings
from mlops_jupyter.verbs.help import CommandHelp, CommandList, GroupHelp
from mlops_jupyter.verbs.tidiness import AuditLog, Overview


def run(shell, code):
    """Run a cell; return its value, or raise what it raised."""
    with redirect_stdout(io.StringIO()) as shown:
        outcome = shell.run_cell(code)
    outcome.raise_error()
    shell.shown = shown.getvalue()
    return outcome.result


def test_the_magic_alone_says_what_to_do_first(shell, workspace):
    result = run(shell, "%mlops")
    assert isinstance(result, Overview)
    assert result.headline == "nothing is packaged yet: here is how to begin"
    assert not (workspace / ".mlops").exists(), "looking makes no workspace"


def test_a_result_can_be_assigned(shell):
    run(shell, "r = %mlops audit --limit 3")
    assert isinstance(shell.user_ns["r"], AuditLog)


def test_dash_o_binds_the_result_and_a_semicolon_mutes_it(shell):
    assert run(shell, "%mlops audit -o log;") is None
    assert isinstance(shell.user_ns["log"], AuditLog)
    assert shell.shown == ""


def test_dash_o_without_a_name_is_refused(shell):
    with pytest.raises(UsageError, match="-o wants the name of a variable"):
        run(shell, "%mlops audit -o 3x")


def test_an_expression_is_evaluated_in_the_notebook(shell):
    run(shell, "best = 4")
    assert run(shell, "%mlops audit --limit {best + 1}").code == "mlops.audit(limit=5)"
    assert run(shell, "%mlops audit --limit={best}").code == "mlops.audit(limit=4)"


def test_an_expression_in_a_loop_and_in_a_function_sees_the_variables_there(shell):
    code = "codes = []\nfor n in (1, 2):\n    r = %mlops audit --limit {n}\n    codes.append(r.code)"
    run(shell, code)
    assert shell.user_ns["codes"] == ["mlops.audit(limit=1)", "mlops.audit(limit=2)"]
    inner = "def look(count):\n    r = %mlops audit --limit {count}\n    return r.code\nlook(7)"
    assert run(shell, inner) == "mlops.audit(limit=7)"


def test_an_expression_that_fails_is_named_and_nothing_is_called(shell):
    with pytest.raises(UsageError, match=r"\{nowhere\} could not be evaluated: NameError"):
        run(shell, "%mlops audit --limit {nowhere}")


def test_a_dollar_is_only_a_dollar(shell):
    run(shell, "cost = 5")
    with pytest.raises(NotFoundError, match=r"\$cost"):
        run(shell, "%mlops remove $cost")


@pytest.mark.parametrize(
    "question", ["%mlops audit?", "%mlops audit??", "%mlops audit --help", "%mlops audit -h"]
)
def test_every_way_to_ask_for_the_help_of_a_verb_answers(shell, question):
    result = run(shell, question)
    assert isinstance(result, CommandHelp)
    assert result.usage == "audit [--limit INT]"


@pytest.mark.parametrize("question", ["%mlops pipeline?", "%mlops pipeline", "%mlops pipeline --help"])
def test_every_way_to_ask_for_the_verbs_of_a_group_answers(shell, question):
    result = run(shell, question)
    assert isinstance(result, GroupHelp)
    assert result.verbs[0][0] == "pipeline run"


@pytest.mark.parametrize("question", ["%mlops pipeline runs?", "%mlops pipeline runs ??"])
def test_every_way_to_ask_for_the_help_of_a_verb_of_two_words_answers(shell, question):
    result = run(shell, question)
    assert isinstance(result, CommandHelp)
    assert result.usage == "pipeline runs [PIPELINE] [--limit INT]"


def test_help_lists_every_verb(shell):
    assert isinstance(run(shell, "%mlops --help"), CommandList)
    run(shell, "%mlops?")
    assert "Show who did what and when" in shell.shown


def test_an_unknown_verb_names_the_nearest(shell):
    with pytest.raises(UsageError, match="there is no verb 'depoly'; did you mean deploy"):
        run(shell, "%mlops depoly churn")


def test_an_unknown_option_names_the_nearest(shell):
    with pytest.raises(UsageError, match="audit has no option --limti; did you mean --limit"):
        run(shell, "%mlops audit --limti 3")


def test_an_error_is_one_clean_line(shell, capsys):
    shell.run_cell("%mlops depoly churn")
    shown = capsys.readouterr().out.strip()
    assert shown == "UsageError: there is no verb 'depoly'; did you mean deploy?"


def test_a_bug_of_ours_keeps_its_traceback(shell, capsys, monkeypatch):
    monkeypatch.setattr("mlops_jupyter.store.audit.verify_chain", lambda store: 1 / 0)
    shell.run_cell("%mlops audit")
    shown = capsys.readouterr().out
    assert "Traceback" in shown
    assert "ZeroDivisionError" in shown


def test_an_interrupt_passes_through(shell, monkeypatch):
    def interrupted(store):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlops_jupyter.store.audit.verify_chain", interrupted)
    outcome = shell.run_cell("%mlops audit")
    assert isinstance(outcome.error_in_exec, KeyboardInterrupt)


def test_a_verb_that_takes_no_cell_says_so(shell):
    with pytest.raises(UsageError, match="%%mlops audit takes no cell"):
        run(shell, "%%mlops audit\nx = 1")


def test_config_feeds_the_settings_and_none_takes_one_back(shell):
    run(shell, "%config MlopsMagics.port = 8123")
    assert settings.settings().port == 8123
    run(shell, "%config MlopsMagics.port = None")
    assert settings.settings().port is None


def test_every_setting_can_be_configured(shell):
    from mlops_jupyter.notebook.magics import MlopsMagics

    assert set(settings.NAMES) <= set(MlopsMagics.class_trait_names(config=True))


def test_loading_twice_is_as_once_and_unloading_leaves_nothing(shell):
    before = len(shell.Completer.custom_matchers), len(shell.input_transformers_cleanup)
    run(shell, "%reload_ext mlops_jupyter")
    import mlops_jupyter

    mlops_jupyter.load_ipython_extension(shell)
    assert (len(shell.Completer.custom_matchers), len(shell.input_transformers_cleanup)) == before
    run(shell, "%unload_ext mlops_jupyter")
    assert "mlops" not in shell.magics_manager.magics["line"]
    mlops_jupyter.unload_ipython_extension(shell)
    assert len(shell.Completer.custom_matchers) == before[0] - 1


def test_every_error_of_the_family_shows_one_line():
    def family(kind):
        return [kind, *(k for child in kind.__subclasses__() for k in family(child))]

    for kind in family(MlopsError):
        assert kind._render_traceback_ is MlopsError._render_traceback_
        if kind.__init__ is MlopsError.__init__:  # else it makes its lines of something else
            assert kind("what", "why", "hint")._render_traceback_() == [f"{kind.__name__}: what: why; hint"]
