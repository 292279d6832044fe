"""The keys of a deployment: made, listed, revoked; what of their secrets is kept, and where."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import threading
import time

import pytest

import mlops_jupyter as mlops
from mlops_jupyter.cli import main
from mlops_jupyter.deployments import keys
from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError, WorkspaceError
from mlops_jupyter.serving.access.keys import KeyRing
from mlops_jupyter.store import audit
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace


@pytest.fixture
def folder(tmp_path):
    return keys.keys_folder(tmp_path / "deployments", "churn")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "mlops"))
    return open_workspace()


def files_of(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_secret_has_256_random_bits_and_only_its_hash_is_kept(folder):
    key, secret = keys.create_key(folder)
    random = base64.urlsafe_b64decode(secret.removeprefix(keys.PREFIX) + "=")
    assert len(random) == 32
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret.encode() not in files_of(folder)
    assert secret not in repr(key)


def test_only_the_owner_may_read_what_is_there(folder):
    keys.create_key(folder)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes.pop("keys.lock") & 0o077 == 0 or folder.stat().st_mode & 0o077 == 0
    assert set(modes.values()) == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_workers_let_in_a_new_key_and_the_owner_and_not_a_revoked_one(folder):
    key, secret = keys.create_key(folder)
    assert KeyRing(folder / "keys.json").find(secret.encode()) == key
    assert KeyRing(folder / "keys.json").find(keys.owners_secret(folder).encode()).id == "owner"
    keys.revoke_key(folder, key.id)
    assert KeyRing(folder / "keys.json").find(secret.encode()).revoked <= time.time()
    assert keys.has_keys(folder)


def test_a_key_that_was_revoked_stays_so_since_then(folder):
    key, _ = keys.create_key(folder)
    first = keys.revoke_key(folder, key.id)
    assert keys.revoke_key(folder, key.id) == first


def test_a_key_that_is_not_there_is_told_with_those_that_are(folder):
    key, _ = keys.create_key(folder)
    with pytest.raises(NotFoundError, match=key.id):
        keys.revoke_key(folder, f"{key.id[:-1]}z")


def test_revoking_where_there_are_no_keys_makes_nothing(folder):
    with pytest.raises(NotFoundError, match="has no key 'k1'; mlops key create"):
        keys.revoke_key(folder, "k1")
    assert keys.owners_secret(folder) == ""
    assert not keys.has_keys(folder)


def test_without_keys_nobody_needs_one(folder):
    assert not keys.has_keys(folder)
    assert keys.list_keys(folder) == ()
    assert keys.owners_secret(folder) == ""


def test_a_damaged_file_is_neither_used_nor_overwritten(folder):
    keys.create_key(folder)
    (folder / "keys.json").write_text("{")
    for deed in (lambda: keys.list_keys(folder), lambda: keys.create_key(folder)):
        with pytest.raises(IntegrityError, match=r"until then nobody is let in"):
            deed()
    assert (folder / "keys.json").read_text() == "{"


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "deployments").write_text("a file where a folder should be")
    with pytest.raises(WorkspaceError, match="the keys of churn cannot be written"):
        keys.keys_folder(tmp_path / "deployments", "churn")


def test_keys_made_at_once_are_all_there(folder):
    def make() -> None:
        for _ in range(5):
            keys.create_key(folder)

    process = multiprocessing.get_context("fork").Process(target=make)
    process.start()
    threads = [threading.Thread(target=make) for _ in range(2)]
    for each in threads:
        each.start()
    for each in (*threads, process):
        each.join()
    made = keys.list_keys(folder)
    assert len(made) == len({key.id for key in made}) == 15


def test_the_verb_shows_a_secret_once_and_a_notebook_keeps_none(workspace):
    made = mlops.key(
        "create", "churn", scope=["predict", "operate"], expires="30d", rate=100, note="the shop"
    )
    (row,) = made.keys
    assert (row.state, row.scopes, row.rate, row.note) == ("active", ("predict", "operate"), 100, "the shop")
    kept = made._repr_mimebundle_()
    assert made.secret not in repr(made) + kept["text/plain"] + kept["text/html"] + made.headline + made.code
    assert ".secret" in kept["text/plain"]
    assert made.secret in str(made)
    assert made.secret not in str(made)


def test_the_secret_is_in_no_file_of_the_workspace_and_the_audit_log_tells_the_deed(workspace):
    made = mlops.key("create", "churn", note="the shop")
    mlops.key("list", "churn")
    mlops.key("revoke", "churn", made.keys[0].id)
    assert made.secret.encode() not in files_of(workspace.root)
    entries = [entry for entry in audit.records(open_store(workspace)) if entry.verb == "key"]
    told = [(entry.outcome, entry.arguments.get("action")) for entry in entries]
    assert told == [("done", None), ("begun", "revoke"), ("done", None), ("begun", "create")]
    assert made.keys[0].id in entries[2].result


def test_a_shell_shows_the_secret_and_lists_without_it(workspace, capsys):
    assert main(["key", "create", "churn", "--scope", "predict,feedback", "--expires", "2100-01-01"]) == 0
    shown = capsys.readouterr().out
    secret = shown.strip().splitlines()[-1]
    assert secret.startswith("mlops_")
    assert shown.count(secret) == 1
    assert main(["key", "list", "churn"]) == 0
    listed = capsys.readouterr().out
    assert secret not in listed
    assert "predict, feedback" in listed
    assert "2100-01-01" in listed


def test_keys_can_be_made_before_the_first_deploy_which_is_said(workspace):
    made = mlops.key("create", "churn-staging")
    assert not made.deployed
    assert "not deployed yet" in str(made)
    assert [row.id for row in mlops.key("list", "churn-staging").keys] == [made.keys[0].id]


def test_an_expired_and_a_revoked_key_are_listed_as_such(workspace, folder):
    folder = keys.keys_folder(workspace.deployments, "churn")
    expired, _ = keys.create_key(folder, expires=time.time() - 1)
    revoked, _ = keys.create_key(folder)
    keys.revoke_key(folder, revoked.id)
    report = mlops.key("list", "churn")
    assert {row.id: row.state for row in report.keys} == {expired.id: "expired", revoked.id: "revoked"}
    assert report.headline == "0 of 2 keys may call churn"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "churn", "--expires", "soon"], "--expires cannot be 'soon'"),
        (["create", "churn", "--expires", "2020-01-01"], "is past"),
        (["create", "churn", "--expires", "0s"], "is past"),
        (["create", "churn", "--expires", "9999999d"], "more than a hundred years"),
        (["create", "churn", "--scope", "everything"], "--scope cannot be 'everything'"),
        (["create", "churn", "--rate", "-1"], "--rate cannot be -1"),
        (["create", "churn", "k1"], "a new key gets its ID"),
        (["create", "../churn"], "cannot be the name"),
        (["delete", "churn"], "cannot be 'delete'"),
        (["revoke", "churn"], "no deployment named"),
        (["list", "churn"], "no deployment named"),
    ],
)
def test_words_that_are_wrong_are_told_and_nothing_is_made(workspace, capsys, words, said):
    assert main(["key", *words]) in {1, 2}
    assert said in capsys.readouterr().err
    assert not list(workspace.deployments.glob("*/keys.json"))


def test_python_is_told_of_wrong_words_as_a_shell_is(workspace):
    with pytest.raises(UsageError, match="the action cannot be 'revok'; did you mean revoke"):
        mlops.key("revok", "churn")
    with pytest.raises(UsageError, match="--scope cannot be 'predictions'"):
        mlops.key("create", "churn", scope=["predictions"])
    assert not list(workspace.deployments.glob("*/keys.json"))
    assert mlops.key("create", "churn", scope="operate").keys[0].scopes == ("operate",)


def test_revoking_needs_an_id(workspace):
    mlops.key("create", "churn")
    with pytest.raises(UsageError, match="needs the key's ID; mlops key list churn shows them"):
        mlops.key("revoke", "churn")
