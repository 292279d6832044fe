"""Requests of MLServer's own types and codecs, over HTTP and gRPC.

MLServer's pins and ours do not go together, so it has an environment of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CLIENT = Path(__file__).parent / "mlserver_client.py"
MLSERVER = ("mlserver==1.7.1", "pandas<3")  # whose codecs know no strings of pandas 3


@pytest.fixture(scope="module")
def mlserver(tmp_path_factory):
    """The interpreter of an environment with MLServer."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("no uv to make an environment for MLServer")
    folder = tmp_path_factory.mktemp("mlserver")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    made = subprocess.run([uv, "pip", "install", "-q", "--python", python, *MLSERVER], capture_output=True)
    if made.returncode:
        pytest.skip(f"MLServer cannot be installed here: {made.stderr.decode()[-300:]}")
    return python


@pytest.fixture(scope="module")
def answers(mlserver, server, door, delays, tmp_path_factory):
    """What MLServer's client was answered for the first rows."""
    rows = tmp_path_factory.mktemp("rows") / "rows.csv"
    delays[1][:20].to_csv(rows, index=False)
    command = [mlserver, "-W", "ignore", CLIENT, server.url, f"127.0.0.1:{door.port}", "delays", rows]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("way", ["http", "grpc typed", "grpc raw"])
def test_its_codecs_send_a_frame_and_read_the_answer(answers, delays, way):
    model, flights, _ = delays
    answer = answers[way]
    assert answer["labels"] == model.predict(flights[:20]).tolist()
    assert np.allclose(answer["shares"], model.predict_proba(flights[:20]), atol=1e-5)
    assert (answer["version"], answer["id"]) == ("1.0.0", "42")


def test_a_frame_with_missing_values_is_answered(answers, delays):
    assert len(answers["missing"]["labels"]) == 20
    assert answers["missing"]["labels"][1:] == answers["http"]["labels"][1:]
    assert answers["missing"]["shares"][0] != answers["http"]["shares"][0]


def test_an_answer_can_be_read_as_a_frame(answers, delays):
    assert answers["frame"] == delays[0].predict(delays[1][:20]).tolist()


def test_its_types_read_what_the_model_is(answers, delays):
    assert answers["metadata"] == answers["grpc metadata"] == list(delays[1].columns)
