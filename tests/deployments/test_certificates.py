"""Whether a certificate can be served with is known before anything is started."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.certificates import check_certificate, same_certificate
from mlops_jupyter.deployments.folder import make_folder
from mlops_jupyter.errors import UsageError
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.wanted import Wanted, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights
from mlops_jupyter.store.workspace import open_workspace

from .certification import write_certificate


def test_a_good_one_tells_its_names_and_its_end(tmp_path):
    found = check_certificate(*write_certificate(tmp_path))
    assert found.names == ("churn.example", "127.0.0.1")
    assert timedelta(days=89) < found.expires - datetime.now(UTC) < timedelta(days=91)
    assert not found.expires_soon
    assert check_certificate(*write_certificate(tmp_path, ends=3)).expires_soon


def test_one_file_may_hold_both(tmp_path):
    certificate, key = map(Path, write_certificate(tmp_path))
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert check_certificate(str(both), str(both)).names[0] == "churn.example"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"ends": -0.5}, r"server.pem expired on \d{4}-\d\d-\d\d"),
        ({"begins": 2}, r"server.pem is not in force before \d{4}-\d\d-\d\d"),
        ({"passphrase": b"hunter2"}, r"server.key has a passphrase; the server starts with nobody to ask"),
    ],
)
def test_one_that_cannot_be_used_is_told_in_one_line(tmp_path, how, said):
    with pytest.raises(UsageError, match=said) as caught:
        check_certificate(*write_certificate(tmp_path, **how))
    assert "\n" not in str(caught.value)


def test_a_key_of_another_certificate_is_told(tmp_path):
    certificate, _ = write_certificate(tmp_path)
    _, other = write_certificate(tmp_path, "other")
    with pytest.raises(UsageError, match=r"other.key is not that of the certificate .*server.pem"):
        check_certificate(certificate, other)


def test_files_that_are_not_there_or_something_else_are_told(tmp_path):
    certificate, key = write_certificate(tmp_path)
    with pytest.raises(UsageError, match=r"the certificate .*none.pem cannot be read: No such file"):
        check_certificate(str(tmp_path / "none.pem"), key)
    with pytest.raises(UsageError, match=r"the key .*none.key cannot be read: No such file"):
        check_certificate(certificate, str(tmp_path / "none.key"))
    with pytest.raises(UsageError, match=r"server.key is not a certificate in PEM"):
        check_certificate(key, key)
    with pytest.raises(UsageError, match=r"cannot be used"):
        check_certificate(certificate, certificate)


def test_a_certificate_is_known_by_its_bytes(tmp_path):
    certificate, _ = write_certificate(tmp_path)
    other, _ = write_certificate(tmp_path, "other")
    der = ssl.PEM_cert_to_DER_cert(Path(certificate).read_text())
    assert same_certificate(certificate, der)
    assert not same_certificate(other, der)
    assert not same_certificate(str(tmp_path / "none.pem"), der)
    assert not same_certificate(certificate, b"")


def test_a_certificate_is_known_with_a_name_in_any_letters_above_it(tmp_path):
    certificate, key = write_certificate(tmp_path)
    der = ssl.PEM_cert_to_DER_cert(Path(certificate).read_text())
    Path(certificate).write_text(f"friendlyName: Zürich\n{Path(certificate).read_text()}", encoding="utf-8")
    check_certificate(certificate, key)  # so it is served with
    assert same_certificate(certificate, der)


@pytest.fixture
def served_over_tls(tmp_path, monkeypatch):
    """A workspace with the files of a deployment over TLS, and of one whose keys are damaged."""
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "mlops"))
    deployments = open_workspace().deployments
    certificate, key = write_certificate(tmp_path, ends=3)
    options = Options(tls_certificate=certificate, tls_key=key)
    variant = VariantSpec(0, "1.0.0", "a" * 64, "/nowhere", "local", "/nowhere/python")
    for name in ("churn", "late"):
        generation = generation_folder(make_folder(deployments, name, "churn"), 1)
        generation.mkdir()
        spec = GenerationSpec(name, 1, "churn", 1, "/nowhere/python", (variant,))
        write_spec(generation, replace(spec, options=options) if name == "churn" else spec)
        create_weights(generation / "weights", Weights((Share("stable", 100.0),)))
        write_wanted(deployments / name, Wanted("127.0.0.1", 8099, 1))
    (deployments / "late" / "keys.json").write_text("{")
    return tmp_path


def test_the_doctor_tells_of_certificates_that_end_and_of_keys_that_are_damaged(served_over_tls):
    found = {f.found: f for f in mlops.doctor().findings if f.name == "access"}
    (ends,) = [f for text, f in found.items() if text.startswith("the certificate of churn expires on ")]
    (damaged,) = [f for text, f in found.items() if text.startswith("the keys of late cannot be used")]
    assert (ends.mark, damaged.mark) == ("warn", "bad")
    write_certificate(served_over_tls, ends=-0.5)
    marks = [f.mark for f in mlops.doctor().findings if "server.pem expired on" in f.found]
    assert marks == ["bad"]


def test_the_address_of_a_deployment_over_tls_says_so_and_leads_past_jupyters_proxy(served_over_tls):
    seen = mlops.status("churn").endpoints[0]
    assert (seen.url, seen.proxy_url) == ("https://127.0.0.1:8099", None)
    assert mlops.status("late").url == "http://127.0.0.1:8099"
