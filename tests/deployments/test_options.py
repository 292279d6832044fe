"""What a deploy asks of the server: which values it may have, and what is remembered."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.deployments.folder import make_folder
from mlops_jupyter.deployments.keys import create_key
from mlops_jupyter.deployments.options import (
    asked_options,
    check_columns,
    check_grpc_port,
    check_open,
    merged_options,
)
from mlops_jupyter.errors import RefusedError, UsageError
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, write_spec
from mlops_jupyter.serving.wanted import Wanted, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights


def test_what_is_not_asked_stays_as_it_was():
    before = Options(timeout=5.0, rate=10.0, capture_masked=("name",))
    assert merged_options(before, asked_options(cache=100, timeout=None)) == Options(
        timeout=5.0, rate=10.0, capture_masked=("name",), cache=100
    )


def test_what_was_asked_can_be_taken_back():
    before = Options(rate=10.0, burst=5, grpc_port=9000, tls_certificate="/a", tls_key="/b", insecure=True)
    asked = asked_options(
        rate=0, burst=0, grpc_port=0, tls_certificate="off", insecure=False, capture_masked=[]
    )
    assert merged_options(before, asked) == Options()


def test_the_key_of_an_old_certificate_is_not_that_of_a_new_one(tmp_path):
    before = Options(tls_certificate="/a", tls_key="/b")
    both = str(tmp_path / "both.pem")
    assert merged_options(before, asked_options(tls_certificate=both)).tls_key == both
    assert merged_options(before, asked_options(tls_certificate=both, tls_key="/c")).tls_key == "/c"
    assert merged_options(before, asked_options(cache=1)).tls_key == "/b"
    assert merged_options(before, asked_options(tls_key="off")).tls_key == "/a"
    assert merged_options(before, asked_options(tls_certificate=both, tls_key="off")).tls_key == both


def test_paths_are_kept_whole_for_workers_run_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert asked_options(tls_certificate="c.pem")["tls_certificate"] == str(tmp_path / "c.pem")


def test_one_name_may_be_given_without_a_list():
    asked = asked_options(hosts="churn.example", capture_masked="name", capture_hashed=["a", "b"])
    assert asked == {"hosts": ("churn.example",), "capture_masked": ("name",), "capture_hashed": ("a", "b")}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"unit": "user"}, "--unit cannot be 'user'; header:NAME, cookie:NAME or field:NAME"),
        ({"unit": "header:"}, "--unit"),
        ({"timeout": 0}, "--timeout cannot be 0"),
        ({"timeout": float("nan")}, "--timeout cannot be nan"),
        ({"cache": -1}, "--cache"),
        ({"queue": True}, "--queue"),
        ({"rate": -5.0}, "--rate cannot be -5.0; 0.001 to 1,000,000 or 0 for none"),
        ({"burst": 2_000_000}, "--burst"),
        ({"capture_bytes": 10}, "--capture-bytes"),
        ({"grpc_port": 70_000}, "--grpc-port"),
        ({"extra_columns": "refused"}, "--extra-columns cannot be 'refused'; did you mean refuse?"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_what_can(asked, said):
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        asked_options(**asked)


def test_parts_that_do_not_fit_together_are_told():
    with pytest.raises(UsageError, match="no use without --tls-cert"):
        merged_options(Options(), asked_options(tls_key="/k.pem"))
    with pytest.raises(UsageError, match="name cannot be masked and hashed both"):
        merged_options(Options(capture_hashed=("name",)), asked_options(capture_masked=["name"]))


def test_a_column_that_the_model_does_not_have_cannot_be_masked(tmp_path):
    (tmp_path / "model").mkdir()
    schema = {"input": {"kind": "columns", "columns": [{"name": "distance"}, {"name": "hour"}]}}
    (tmp_path / "model" / "feature_schema.json").write_text(json.dumps(schema))
    check_columns({"capture_masked": ("hour",)}, tmp_path)
    with pytest.raises(UsageError, match=r"no column 'distanse'; did you mean distance\?"):
        check_columns({"capture_hashed": ("distanse",)}, tmp_path)


def test_listening_beyond_this_machine_wants_a_key_or_a_word(tmp_path):
    check_open("churn", "127.0.0.1", Options(), tmp_path)
    check_open("churn", "0.0.0.0", Options(insecure=True), tmp_path)
    with pytest.raises(RefusedError, match="mlops key create churn; or say --insecure"):
        check_open("churn", "0.0.0.0", Options(), tmp_path)
    create_key(tmp_path)
    check_open("churn", "0.0.0.0", Options(), tmp_path)


def test_two_deployments_do_not_share_a_port_for_grpc(tmp_path):
    for name in ("first", "second"):
        make_folder(tmp_path, name, "late")
    first = tmp_path / "first"
    (first / "generations" / "1").mkdir()
    variant = VariantSpec(0, "1.0.0", "d" * 64, "/package", "local", "python")
    write_spec(
        first / "generations" / "1",
        GenerationSpec("first", 1, "late", 1, "python", (variant,), Options(grpc_port=9000)),
    )
    create_weights(first / "generations" / "1" / "weights", Weights((Share("stable", 100.0),)))
    write_wanted(first, Wanted("127.0.0.1", 8080, 1))
    with pytest.raises(RefusedError, match="first answers gRPC on port 9000; take another port"):
        check_grpc_port(Options(grpc_port=9000), tmp_path / "second")
    check_grpc_port(Options(grpc_port=9000), first)
    check_grpc_port(Options(grpc_port=9001), tmp_path / "second")
