"""Whatever is done to a file of a package, it is refused by the file's name before anything is loaded."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.packaging.sealing import verified
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.manifest import IntegrityFailure, content_digest, file_entry, verify


@pytest.fixture
def copy(delay, tmp_path):
    leave_out = shutil.ignore_patterns("__pycache__")  # another test may have run the package's own
    return Path(shutil.copytree(delay.path, tmp_path / "package", ignore=leave_out))


def test_one_byte_flipped_in_each_file_in_turn_is_refused_by_name(copy):
    paths = sorted(path for path in copy.rglob("*") if path.is_file() and path.stat().st_size)
    assert len(paths) > 40
    for path in paths:
        original = path.read_bytes()
        middle = len(original) // 2
        path.write_bytes(original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :])
        with pytest.raises(IntegrityFailure, match=r"\w+") as refusal:
            verify(copy)
        named = str(refusal.value)
        # a manifest may be broken where it names another file
        assert path.name == "MANIFEST.json" or path.relative_to(copy).as_posix() in named
        path.write_bytes(original)
    assert verify(copy).model == "delay"


@pytest.mark.parametrize("name", ["model/feature_schema.json", "MANIFEST.json", "src/app.py"])
def test_a_truncated_file_is_refused(copy, name):
    path = copy / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        verified(copy)


@pytest.mark.parametrize("name", ["model/feature_schema.json", "MANIFEST.json", "requirements.txt"])
def test_a_deleted_file_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(IntegrityError, match=f"{name}: missing"):
        verified(copy)


@pytest.mark.parametrize("name", ["model/extra.pkl", "sitecustomize.py", "src/pandas.py", "tests/sub/x.py"])
def test_an_added_file_is_refused(copy, name):
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("1", encoding="utf-8")
    with pytest.raises(IntegrityError, match=f"{name}: not in MANIFEST.json"):
        verified(copy)


def test_a_link_is_refused_even_to_the_same_bytes(copy, delay):
    name = "model/feature_schema.json"
    (copy / name).unlink()
    (copy / name).symlink_to(delay.path / name)
    with pytest.raises(IntegrityError, match=f"{name}: a link"):
        verified(copy)


def test_a_linked_folder_is_refused(copy, delay):
    shutil.rmtree(copy / "config")
    (copy / "config").symlink_to(delay.path / "config")
    with pytest.raises(IntegrityError, match="config: a link"):
        verified(copy)


def test_a_pipe_is_refused_and_not_opened(copy):
    os.mkfifo(copy / "model" / "pipe")
    with pytest.raises(IntegrityError, match="model/pipe"):
        verified(copy)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "model/../../x", "a\\b", "./x", "..", ""])
def test_a_path_outside_in_the_manifest_is_refused(copy, path):
    rewrite(copy, lambda document: document["files"].update({path: {"sha256": "0" * 64, "size": 1}}))
    with pytest.raises(IntegrityError, match="a path outside the package"):
        verified(copy)


def test_a_manifest_that_was_made_anew_over_other_files_does_not_have_the_recorded_digest(copy, delay):
    forge(copy, "config/serving_config.yaml", b"threshold: 0.99\n")
    assert verify(copy).digest != delay.digest
    with pytest.raises(IntegrityError, match="recorded was"):
        verified(copy, delay.digest)


def test_a_digest_that_is_not_that_of_the_files_is_refused(copy):
    rewrite(copy, lambda document: document.update(digest="0" * 64))
    with pytest.raises(IntegrityError, match=r"MANIFEST\.json: its digest"):
        verified(copy)


def test_what_mlflow_and_python_leave_is_tolerated(copy):
    (copy / "registered_model_meta").write_text("model_name: delay", encoding="utf-8")
    (copy / "src/__pycache__").mkdir()
    (copy / "src/__pycache__/app.cpython-311.pyc").write_bytes(b"")
    assert verify(copy).model == "delay"


def test_a_manifest_of_a_newer_release_is_refused(copy):
    rewrite(copy, lambda document: document.update(manifest_version=2))
    with pytest.raises(IntegrityError, match="version 2, this release reads 1"):
        verified(copy)


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (Path(self.target),)


def test_a_pickle_payload_in_place_of_the_model_does_not_run(copy, tmp_path):
    ran = tmp_path / "ran"
    model = next(path for path in (copy / "model").iterdir() if path.name.startswith("model."))
    model.write_bytes(pickle.dumps(Payload(ran)))
    with pytest.raises(IntegrityFailure, match=f"model/{model.name}: changed"):
        load(copy)
    assert not ran.exists()
    pickle.loads(pickle.dumps(Payload(ran)))
    assert ran.exists()


def forge(package, name, content):
    (package / name).write_bytes(content)

    def update(document):
        document["files"][name] = file_entry(package / name)
        document["digest"] = content_digest(document["files"])

    rewrite(package, update)


def rewrite(package, change):
    path = package / "MANIFEST.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
