"""The catalog's verbs on a real MLflow store, with packages that are small and true."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import mlops_jupyter as mlops
from mlops_jupyter import registry
from mlops_jupyter.errors import IntegrityError, NotFoundError, RefusedError, UsageError
from mlops_jupyter.registry.fetching import keep
from mlops_jupyter.serving.manifest import content_digest, file_entry, verify
from mlops_jupyter.store.database import Store, open_store
from mlops_jupyter.store.versions import list_versions, reserve_version, set_state
from mlops_jupyter.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COLUMN = {"name": "distance", "type": "double", "dtype": "float64", "nullable": True, "minimum": 17.0}
OUTPUT = {
    "task": "classification",
    "outputs": [{"name": "late", "type": "long", "classes": [0, 1]}],
    "probabilities": True,
}


def schema(*columns: str) -> str:
    entries = [COLUMN | {"name": name, "maximum": 4983.0, "categories": None} for name in columns]
    return json.dumps(
        {"schema_version": 1, "input": {"kind": "columns", "columns": entries}, "output": OUTPUT}
    )


@pytest.fixture(scope="module")
def mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template")
    registry.client(Workspace(root))
    return root / "mlflow.db"


@pytest.fixture
def built(
    workspace: Workspace, mlflow_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Build packages as `package` does: `version`, `accuracy`, `on`, the columns, the user's code."""
    monkeypatch.setattr("mlops_jupyter.registry.refresh_in_background", lambda workspace: False)
    shutil.copy(mlflow_file, workspace.root / "mlflow.db")
    store = open_store(workspace)

    def build(
        version: str = "1.0.0",
        accuracy: float = 0.9,
        on: str | None = "test data",
        columns: tuple[str, ...] = ("distance",),
        depth: int = 3,
    ) -> Path:
        folder = write_package(tmp_path / f"churn-{version}", version, accuracy, on, columns, depth)
        manifest = verify(folder)
        reserve_version(store, "churn", manifest.digest, lambda known: version)
        path = keep(workspace, folder, manifest)
        digest = manifest.manifest_digest
        set_state(store, "churn", version, "packaged", package_path=path, manifest_digest=digest)
        return path

    return build


def write_package(
    folder: Path, version: str, accuracy: float, on: str | None, columns: tuple[str, ...], depth: int
) -> Path:
    files = {
        "README.md": f"# churn {version}",
        "code/features.py": f"DEPTH = {depth}\n",
        "model/feature_schema.json": schema(*columns),
        "model/model.bin": f"{version} {accuracy}",
        "requirements.txt": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    entries = {name: file_entry(folder / name) for name in files}
    document: dict[str, Any] = {
        "manifest_version": 1,
        "model": "churn",
        "version": version,
        "created": "2026-11-20T10:15:00+00:00",
        "digest": content_digest(entries),
        "files": entries,
        "format": {"name": "onnx", "why": "parity holds"},
        "git": {"commit": "a" * 40, "dirty": True},
        "data": {"train": {"rows": 100, "columns": 2, "fingerprint": "f" * 64}},
        "metrics": {"on": on, "values": {"accuracy": accuracy}, "slices": []},
        "parameters": {"depth": depth},
        "libraries": {"scikit-learn": "1.9.0"},
        "python": "3.11.7",
    }
    (folder / "MANIFEST.json").write_text(json.dumps(document))
    return folder


def test_a_package_is_registered_with_its_alias(built: Callable[..., Path], store: Store):
    built()
    done = mlops.register("churn", require=["accuracy>=0.85"], alias=["champion"])
    assert done.headline == "churn 1.0.0 is registered as version 1 in MLflow"
    assert (done.already, done.aliases, done.required) == (False, ("champion",), ("accuracy>=0.85",))
    assert done.code == 'mlops.register("churn", require=["accuracy>=0.85"], alias=["champion"])'
    assert [each.state for each in list_versions(store)] == ["registered"]


def test_registering_again_finds_the_same_version(built: Callable[..., Path]):
    built()
    mlops.register("churn")
    again = mlops.register("churn")
    assert again.headline == "churn 1.0.0 was registered already as version 1 in MLflow"


def test_the_newest_package_is_registered_unless_one_is_named(built: Callable[..., Path]):
    built()
    built("1.1.0")
    assert mlops.register("churn", version="1.0.0").version == "1.0.0"
    assert mlops.register("churn").version == "1.1.0"


@pytest.mark.parametrize(
    ("package", "require", "message"),
    [
        ({"accuracy": 0.8}, "accuracy>=0.85", "below the bar: accuracy is 0.8, required >= 0.85, 0.05 off"),
        ({"accuracy": 0.8}, "acuracy>=0.1", "no metric 'acuracy'; did you mean accuracy?"),
        (
            {"on": "training data"},
            "accuracy>=0.1",
            "prove nothing: they are on training data; package it with",
        ),
        ({"on": None}, "accuracy>=0.1", "prove nothing: it has none"),
    ],
)
def test_a_gate_refuses_and_says_why(
    built: Callable[..., Path], store: Store, package: dict[str, Any], require: str, message: str
):
    built(**package)
    with pytest.raises(RefusedError) as refusal:
        mlops.register("churn", require=[require])
    assert message in str(refusal.value)
    assert [each.state for each in list_versions(store)] == ["packaged"]


def test_metrics_that_were_changed_after_packaging_open_no_gate(built: Callable[..., Path]):
    path = built(accuracy=0.8)
    text = (path / "MANIFEST.json").read_text()
    (path / "MANIFEST.json").write_text(text.replace('"accuracy": 0.8', '"accuracy": 0.9'))
    with pytest.raises(IntegrityError, match=r"MANIFEST\.json of churn 1\.0\.0 was changed; package again"):
        mlops.register("churn", require=["accuracy>=0.85"])


def test_what_cannot_be_registered_is_one_line(built: Callable[..., Path]):
    with pytest.raises(NotFoundError, match=r"no model named 'churn'; %mlops package makes the first one"):
        mlops.register("churn")
    path = built()
    with pytest.raises(NotFoundError, match="did you mean churn"):
        mlops.register("chrun")
    with pytest.raises(UsageError, match="MLflow reserves latest"):
        mlops.register("churn", alias=["latest"])
    shutil.rmtree(path)
    with pytest.raises(NotFoundError, match=r"package of churn 1\.0\.0 is not in .*package it again"):
        mlops.register("churn")


def test_models_and_versions_are_listed_from_the_mirror(
    built: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    assert mlops.models().headline == "no model yet"
    assert "%mlops package makes the first one" in str(mlops.models())
    built(on="training data")
    mlops.register("churn", alias=["champion"])
    built("1.1.0", accuracy=0.95)
    monkeypatch.setenv("MLOPS_TRACKING_URI", "http://127.0.0.1:9")  # nobody answers there
    (model,) = mlops.models().models
    assert (model["newest"], model["state"], model["aliases"]) == ("1.1.0", "packaged", {"champion": "1.0.0"})
    listed = mlops.versions("churn")
    assert listed.headline == "churn has 2 versions; champion is 1.0.0"
    assert [(each["version"], each["metrics"]) for each in listed.versions] == [
        ("1.1.0", {"accuracy": 0.95}),
        ("1.0.0", {"accuracy": 0.9}),
    ]
    assert "some metrics are on training data" in str(listed)


def test_a_version_broken_off_is_pointed_out(built: Callable[..., Path], store: Store):
    built()
    set_state(store, "churn", "1.0.0", "incomplete", registry_version=1)
    assert "%mlops register churn completes what broke off" in str(mlops.versions("churn"))
    assert mlops.register("churn").already is False


def test_show_tells_what_is_known_with_and_without_the_package(built: Callable[..., Path]):
    path = built()
    mlops.register("churn", alias=["champion"])
    full = mlops.show("churn", "@champion")
    assert full.headline == "churn 1.0.0 (champion) is registered as version 1 in MLflow"
    text = str(full)
    for part in (
        "aaaaaaaaaaaa with uncommitted changes",
        "onnx: parity holds",
        "100 rows",
        "depth",
        "distance",
    ):
        assert part in text
    assert json.dumps(full.to_dict())
    shutil.rmtree(path)
    bare = mlops.show("churn")
    assert (bare.manifest, bare.package) == ({}, None)
    assert "its package is not on this machine" in str(bare)
    assert "accuracy" in str(bare)


def test_diff_shows_schema_metrics_parameters_and_code(built: Callable[..., Path]):
    built(columns=("distance", "dest"))
    built("2.0.0", accuracy=0.95, depth=5)
    found = mlops.diff("churn", "1.0.0")
    assert found.headline == (
        "churn 1.0.0 and 2.0.0 differ in schema, metrics, parameters, code (breaks callers)"
    )
    assert found.schema == (("input dest", "double, may be missing, 17 to 4983", None),)
    assert found.metrics == (("accuracy on test data", 0.9, 0.95),)
    assert found.parameters == (("depth", 3, 5),)
    assert "-DEPTH = 3\n+DEPTH = 5" in found.files["code/features.py"]
    assert "column `dest` removed" in str(found)
    assert mlops.diff("churn", "2.0.0").headline == "both are churn 2.0.0"


def test_register_diff_and_card_download_what_is_not_here(built: Callable[..., Path], workspace: Workspace):
    built()
    mlops.register("churn")
    shutil.rmtree(workspace.packages)
    assert mlops.register("churn", require=["accuracy>=0.9"]).already
    shutil.rmtree(workspace.packages)
    assert mlops.card("churn").text == "# churn 1.0.0"
    shutil.rmtree(workspace.packages)
    assert mlops.diff("churn", "1.0.0", "1").level == "none"


def test_an_alias_is_moved_and_taken_away(built: Callable[..., Path]):
    built()
    built("1.1.0", accuracy=0.8)
    mlops.register("churn", version="1.0.0", alias=["champion"])
    mlops.register("churn")
    assert mlops.alias("churn", "@champion").headline == "champion of churn is 1.1.0 (before: 1.0.0)"
    assert mlops.versions("churn").headline == "churn has 2 versions; champion is 1.1.0"
    taken = mlops.alias("churn", "champion", remove=True)
    assert taken.headline == "churn has no alias champion any more (it was 1.1.0)"
    with pytest.raises(NotFoundError, match="no alias 'champion' of churn"):
        mlops.alias("churn", "champion", remove=True)
    with pytest.raises(UsageError, match="leave the version out"):
        mlops.alias("churn", "champion", "1.0.0", remove=True)


def test_what_changes_the_registry_is_on_the_record(built: Callable[..., Path]):
    built()
    mlops.register("churn", alias=["champion"])
    mlops.alias("churn", "champion", remove=True)
    verbs = [(each["verb"], each["outcome"]) for each in mlops.audit().entries if each["outcome"] != "begun"]
    assert verbs == [("alias", "done"), ("register", "done"), ("pin", "done")]
