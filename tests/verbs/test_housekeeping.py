"""Overview, doctor, clean, remove and audit on a workspace that was filled by hand."""

import json
import os
import sqlite3
import time

import psutil
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.errors import NotFoundError, RefusedError
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.wanted import Wanted, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights
from mlops_jupyter.store import audit as log
from mlops_jupyter.store.deployments import DeploymentRecord, put_deployment
from mlops_jupyter.store.versions import reserve_version, set_state


def packaged(store, version, letter, *, state="packaged", size=1000):
    """A version whose package is one file of a given size."""
    digest = letter * 64
    folder = store.workspace.packages / digest[:16] / f"churn_v{version}_20261120T101500Z"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"x" * size)
    reserve_version(store, "churn", digest, lambda _: version)
    set_state(store, "churn", version, "packaged", package_path=folder)
    if state != "packaged":
        set_state(store, "churn", version, state, registry_version=1)
    return folder


def deployed(store, name, folder, version, letter, generation=1):
    """A deployment that holds one package, with no process alive."""
    at = store.workspace.deployments / name
    path = generation_folder(at, generation)
    path.mkdir(parents=True)
    (at / "deployment.json").write_text(json.dumps({"name": name, "model": "churn"}))
    variant = VariantSpec(0, version, letter * 64, str(folder), "local", "/nowhere/bin/python")
    write_spec(path, GenerationSpec(name, generation, "churn", 1, "/nowhere/bin/python", (variant,)))
    create_weights(path / "weights", Weights((Share("resident", 0.0),)).with_stable(0))
    write_wanted(at, Wanted("127.0.0.1", 8099, generation))
    put_deployment(store, DeploymentRecord(name, "churn", "127.0.0.1", 8099))
    return at


@pytest.fixture
def still(monkeypatch):
    """No process is started to refresh the mirror."""
    monkeypatch.setattr("mlops_jupyter.registry.refresh_in_background", lambda workspace: False)


def test_the_overview_shows_models_deployments_and_what_wants_attention(store, still):
    folder = packaged(store, "1.0.0", "a", state="registered")
    packaged(store, "1.1.0", "b")
    deployed(store, "churn", folder, "1.0.0", "a")
    seen = mlops.overview()
    assert [(m.name, m.newest, m.registered, m.versions) for m in seen.models] == [("churn", "1.1.0", 1, 2)]
    (endpoint,) = seen.deployments
    assert (endpoint.version, endpoint.state.word, endpoint.url) == ("1.0.0", "down", "http://127.0.0.1:8099")
    remedies = {attention.remedy for attention in seen.attention}
    assert remedies == {"mlops start churn", "mlops register churn"}
    assert seen.headline == "1 model, 0 of 1 deployment ready, 2 want attention"
    assert "mlops start churn" in str(seen)


def test_the_overview_does_not_import_mlflow_or_make_a_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "none"))
    assert mlops.overview().headline == "nothing is packaged yet: here is how to begin"
    assert not (tmp_path / "none").exists()


def test_the_doctor_finds_what_is_in_place(store, monkeypatch):
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    health = mlops.doctor()
    assert health.healthy, health
    assert {"python", "libraries", "store", "registry", "disk", "ports", "proxy"} <= {
        f.name for f in health.findings
    }


def test_the_doctor_says_what_to_mend(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    store.workspace.root.chmod(0o755)
    found = {finding.name: finding for finding in mlops.doctor().findings if finding.mark in ("warn", "bad")}
    assert found["workspace"].mend.startswith("chmod 700")
    assert found["proxy"].mend == "export NO_PROXY=127.0.0.1,localhost"
    assert found["registry"].mark == "bad"
    assert "does not answer" in found["registry"].found
    assert "secret" not in str(found)


def test_clean_frees_what_the_registry_gives_back_and_nothing_that_is_deployed(store):
    held = packaged(store, "1.0.0", "a", state="registered")
    free = packaged(store, "1.1.0", "b", state="registered", size=5000)
    only = packaged(store, "1.2.0", "c")
    deployed(store, "churn", held, "1.0.0", "a")
    told = mlops.clean(dry_run=True)
    assert told.freed == 5000
    assert free.exists(), "a dry run removes nothing"
    assert mlops.clean().headline == "5 kB were freed"
    assert (held.exists(), free.exists(), only.exists()) == (True, False, True)
    stays = {item.name: item.keep for item in told.items if item.kind == "package"}
    assert stays == {
        "churn 1.0.0": "a deployment holds it",
        "churn 1.1.0": "",
        "churn 1.2.0": "not registered",
    }


def test_clean_sweeps_old_generations_environments_and_old_leftovers(store):
    folder = packaged(store, "1.0.0", "a", state="registered")
    at = deployed(store, "churn", folder, "1.0.0", "a", generation=3)
    old = generation_folder(at, 1)
    old.mkdir(parents=True)
    environment = store.workspace.root / "environments" / "0123456789abcdef"
    environment.mkdir(parents=True)
    young, leftover = (store.workspace.packages / f".building-{name}" for name in ("young", "old"))
    for path in (young, leftover):
        path.mkdir()
    os.utime(leftover, (time.time() - 7200,) * 2)
    mlops.clean()
    assert [path.exists() for path in (old, environment, leftover)] == [False, False, False]
    assert [path.exists() for path in (generation_folder(at, 3), young, folder)] == [True, True, True]


def test_what_a_deployment_serves_is_not_removed(store):
    folder = packaged(store, "1.0.0", "a", state="registered")
    at = deployed(store, "churn", folder, "1.0.0", "a")
    me = psutil.Process()
    (at / "supervisor.json").write_text(json.dumps({"pid": me.pid, "token": me.cmdline()[-1]}))
    for version in ("1.0.0", None):
        with pytest.raises(RefusedError, match=r"is deployed as churn; stop it first: mlops stop churn"):
            mlops.remove("churn", version)


def test_what_a_stopped_deployment_would_start_with_is_not_removed(store):
    folder = packaged(store, "1.0.0", "a", state="registered")
    deployed(store, "churn", folder, "1.0.0", "a")
    with pytest.raises(RefusedError, match=r"the stopped deployment churn would start with churn 1\.0\.0"):
        mlops.remove("churn", "1.0.0")


def test_an_unknown_model_is_not_removed(store):
    packaged(store, "1.0.0", "a")
    with pytest.raises(NotFoundError, match="did you mean churn"):
        mlops.remove("chrun")


def test_a_call_is_one_line_of_the_audit_log_and_a_refused_one_says_so(store):
    mlops.clean(dry_run=True)
    with pytest.raises(NotFoundError):
        mlops.remove("chrun")
    seen = mlops.audit()
    assert seen.whole
    assert [(e["verb"], e["outcome"]) for e in seen.entries] == [("remove", "failed"), ("clean", "done")]
    assert seen.entries[0]["arguments"] == {"model": "chrun"}
    assert [e["verb"] for e in mlops.audit(limit=1).entries] == ["remove"]


def test_a_verb_that_was_cut_off_stays_begun(store):
    log.begin(store, "deploy", {"model": "churn"})
    (entry,) = mlops.audit().entries
    assert (entry["verb"], entry["outcome"]) == ("deploy", "begun")


def test_a_changed_record_is_found(store):
    mlops.clean(dry_run=True)
    with sqlite3.connect(store.workspace.database) as connection:
        connection.execute("DROP TRIGGER audit_log_no_update")
        connection.execute("UPDATE audit_log SET result = 'nothing happened' WHERE number = 2")
    connection.close()
    seen = mlops.audit()
    assert not seen.whole
    assert seen.headline == "the audit log is NOT what was written: record 2 was changed"


def test_a_verb_is_not_begun_when_the_log_cannot_be_written(store, monkeypatch):
    free = packaged(store, "1.1.0", "b", state="registered")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlops_jupyter.store.audit.begin", full)
    with pytest.raises(OSError, match="No space left"):
        mlops.clean()
    assert free.exists()


def test_a_verb_called_from_a_verb_is_part_of_one_record(store):
    from mlops_jupyter.verbs.table import verb

    @verb(stage="workspace", audited=True)
    def outer() -> object:
        return mlops.clean(dry_run=True)

    outer()
    assert [entry["verb"] for entry in mlops.audit().entries] == ["outer"]
