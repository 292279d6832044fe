"""Whether a certificate can be served with is known before anything is started."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlops_jupyter.deployments.certificates import check_certificate, same_certificate
from mlops_jupyter.errors import UsageError

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
