from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.store import settings as module
from mlops_jupyter.store.settings import NAMES, configure, settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in (*(f"MLOPS_{name.upper()}" for name in NAMES), "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    configure(**dict.fromkeys(NAMES))


def test_a_stronger_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert settings().host == "127.0.0.1"
    (tmp_path / "pyproject.toml").write_text('[tool.mlops]\nhost = "project"\n')
    assert settings().host == "project"
    monkeypatch.setenv("MLOPS_HOST", "environment")
    assert settings().host == "environment"
    configure(host="config")
    assert settings().host == "config"
    assert settings(host="argument").host == "argument"
    assert settings(host=None).host == "config"


def test_mlflows_own_variable_stands_between_ours_and_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "pyproject.toml").write_text('[tool.mlops]\ntracking_uri = "http://project"\n')
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow")
    assert settings().tracking_uri == "http://mlflow"
    monkeypatch.setenv("MLOPS_TRACKING_URI", "http://ours")
    assert settings().tracking_uri == "http://ours"


def test_the_nearest_project_counts(tmp_path: Path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.mlops]\nworkers = 2\n")
    (inner / "pyproject.toml").write_text("[tool.mlops]\nworkers = 3\n")
    assert settings(inner).workers == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.mlops]\nprot = 1\n", "no setting named 'prot' .*pyproject.toml.*did you mean port"),
        ('[tool.mlops]\nport = "x"\n', "port is 'x' .*whole number from 0 to 65535"),
        ("[tool.mlops]\nworkers = true\n", "workers is True"),
        ("[tool.mlops]\nhost = 1\n", "host is 1 .*should be text"),
        ("[tool]\nmlops = 1\n", "is not a table"),
        ("[tool", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_project_file_is_named(tmp_path: Path, text: str, message: str):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        settings()


def test_an_unknown_argument_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean workers"):
        settings(worker=1)
    with pytest.raises(UsageError, match="did you mean host"):
        configure(hots="x")


@given(st.one_of(st.integers(), st.text(), st.booleans(), st.floats()))
def test_a_port_is_a_port_or_refused(value: object):
    try:
        port = module.checked("port", value, "a test")
    except UsageError:
        assert isinstance(value, bool) or not str(value).strip().isdecimal() or int(str(value)) > 65535
    else:
        assert 0 <= port <= 65535


@given(st.integers(0, 65535))
def test_every_port_is_read_from_text(port: int):
    assert module.checked("port", str(port), "a test") == port
