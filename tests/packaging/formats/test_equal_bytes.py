"""The same training gives the same files, whatever the process: else nothing would be the same version."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.packaging.formats.graph import convert

PROGRAM = """
import hashlib, numpy as np, skops.io
from mlops_jupyter.packaging.formats import graph, formulas, members, encoders, trees
from mlops_jupyter.packaging.formats.skops_file import normalised
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
features = np.random.default_rng(0).normal(size=(50, 2))
forest = RandomForestClassifier(3, random_state=0)
model = make_pipeline(StandardScaler(), forest).fit(features, features[:, 0] > 0)
words = TfidfVectorizer(stop_words=["the", "a"]).fit(["some words here", "others there"])
words.kept_ = {"set", "of", "words", "in", "any", "order"}
columns = [{"name": name, "type": "double"} for name in ("x0", "x1")]
schema = {"input": {"kind": "matrix", "columns": columns}}
for content in (graph.convert(model, schema), normalised(skops.io.dumps([forest, words]))):
    print(hashlib.sha256(content).hexdigest())
"""


def test_the_same_training_gives_the_same_bytes_in_every_process():
    printed = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert [len(digest) for digest in printed[0]] == [64, 64]


def test_operator_sets_stand_in_one_order_whatever_set_they_came_from():
    import onnx

    features = np.random.default_rng(0).normal(size=(50, 2))
    model = LogisticRegression().fit(features, features[:, 0] > 0)
    columns = [{"name": name, "type": "double"} for name in ("x0", "x1")]
    graph = onnx.load_from_string(convert(model, {"input": {"kind": "matrix", "columns": columns}}))
    domains = [opset.domain for opset in graph.opset_import]
    assert len(domains) > 1
    assert domains == sorted(domains)
