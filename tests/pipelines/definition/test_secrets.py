from __future__ import annotations

import sys
from types import ModuleType

import pytest

from mlops_jupyter.errors import NotFoundError, UnavailableError, UsageError
from mlops_jupyter.pipelines.definition.secrets import checked_reference, resolve_secret


def test_a_secret_of_the_environment_is_resolved(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "s3cr3t")
    assert resolve_secret("env:API_TOKEN") == "s3cr3t"


def test_a_variable_that_is_not_set_is_told_with_the_nearest(monkeypatch):
    monkeypatch.setenv("DELAYS_API_TOKEN", "s3cr3t")
    with pytest.raises(NotFoundError) as caught:
        resolve_secret("env:DELAYS_API_TOKN")
    said = "secret env:DELAYS_API_TOKN is not set; export DELAYS_API_TOKN first"
    assert str(caught.value) == f"{said}, or did you mean DELAYS_API_TOKEN?"


def test_a_secret_of_a_file_is_its_text_without_the_last_newline(tmp_path):
    file = tmp_path / "token"
    file.write_text("s3cr3t\n")
    file.chmod(0o600)
    assert resolve_secret(f"file:{file}") == "s3cr3t"


def test_a_file_that_others_can_read_is_remarked(tmp_path):
    file = tmp_path / "token"
    file.write_text("s3cr3t")
    file.chmod(0o644)
    with pytest.warns(UserWarning, match="can be read by others: chmod 600"):
        assert resolve_secret(f"file:{file}") == "s3cr3t"


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(NotFoundError, match="token cannot be read: no such file"):
        resolve_secret(f"file:{tmp_path}/token")


class Keyring(ModuleType):
    def get_password(self, service: str, user: str) -> str | None:
        return {("https://x.org", "me"): "s3cr3t"}.get((service, user))


@pytest.fixture
def keyring(monkeypatch):
    errors = ModuleType("keyring.errors")
    errors.KeyringError = RuntimeError
    made = Keyring("keyring")
    made.errors = errors
    monkeypatch.setitem(sys.modules, "keyring", made)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_a_secret_of_the_keyring_is_by_service_and_user(keyring):
    assert resolve_secret("keyring:https://x.org/me") == "s3cr3t"
    with pytest.raises(NotFoundError, match="keyring set x you"):
        resolve_secret("keyring:x/you")


def test_without_a_keyring_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UnavailableError, match=r"pip install 'mlops_jupyter\[keyring\]'"):
        resolve_secret("keyring:x/me")


@pytest.mark.parametrize("reference", ["hunter2", "", "env:", "vault:hunter2", "env:hunter-2", 5, None])
def test_what_is_no_reference_is_refused_and_not_repeated(reference):
    with pytest.raises(UsageError) as caught:
        checked_reference(reference)
    assert "hunter" not in str(caught.value)
