"""Deployments that serve nobody: a package with a reference profile, and requests as they are captured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from mlops_jupyter.deployments.folder import make_folder
from mlops_jupyter.packaging.sealing import seal
from mlops_jupyter.profiles.files import PACKAGE_FILE, write_profile
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.recorder import Recorder
from mlops_jupyter.serving.spec import GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.wanted import Wanted, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights
from tests.serving.recording.samples import column, contract

if TYPE_CHECKING:
    from pathlib import Path

OF = contract([column("distance"), column("origin", "string"), column("hour", "long")])
AIRPORTS = ("EWR", "JFK", "LGA")
AT_ONCE = 4000  # rows; a recorder never waits, so more might find no room


def flights(rows: int, seed: int = 0, *, later: float = 0.0, airports=AIRPORTS) -> dict[str, np.ndarray]:
    """Features and answers: `later` hours moved, which the model then answers otherwise."""
    rng = np.random.default_rng(seed)
    hour = np.clip(rng.normal(12 + later, 4, rows).round(), 0, 23).astype(np.int64)
    late = rng.beta(1 + hour / 12, 4)
    features = {
        "distance": rng.lognormal(6.5, 0.6, rows),
        "origin": rng.choice(airports, rows).astype(object),
        "hour": hour,
    }
    answers = {"prediction": (late > 0.4).astype(np.int64), "score.0": 1 - late, "score.1": late}
    return features | answers


@dataclass
class Endpoint:
    """A deployment's folder, its package, and what was sent to it."""

    folder: Path
    package: Path

    def send(self, rows, since: datetime, hours: float = 1.0, role="stable", version="1.0.0", **options):
        """Capture rows as if they had come evenly in some hours."""
        count = len(rows["hour"])
        for first in range(0, count, AT_ONCE):
            recorder = Recorder(
                self.folder, OF, version, "d" * 64, Options(**options), f"worker-{role}-{first}"
            )
            for i in range(first, min(first + AT_ONCE, count)):
                moment = since + timedelta(hours=hours) * (i / count)
                at = int(moment.timestamp() * 1e6) * 1000
                row = (float(rows["distance"][i]), str(rows["origin"][i]), int(rows["hour"][i]))
                scores = [[float(rows["score.0"][i]), float(rows["score.1"][i])]]
                said = ([row], [int(rows["prediction"][i])], scores, "")
                recorder.record_replayed((at, f"p{i}", "", role, 200, 0.002, *said))
            recorder.close(10)
            assert recorder.dropped == 0


def make_endpoint(
    deployments: Path, root: Path, name: str = "late", *, profiled=True, roles=("stable",), masked=()
):
    """Make a deployment of version 1.0.0, with a reference profile of 20,000 flights if it is to have one."""
    package = root / f"{name}_v1.0.0"
    (package / "model").mkdir(parents=True)
    (package / "model" / "feature_schema.json").write_text(json.dumps(OF.schema))
    if profiled:
        found = {"prediction": "prediction", "score.0": "score", "score.1": "score"}
        write_profile(
            package / PACKAGE_FILE, profile_table(flights(20_000)), {"label": "training data", "roles": found}
        )
    seal(package, {"model": name, "version": "1.0.0"})
    digest = json.loads((package / "MANIFEST.json").read_bytes())["digest"]
    folder = make_folder(deployments, name, name)
    generation = generation_folder(folder, 1)
    generation.mkdir(parents=True)
    variants = tuple(VariantSpec(i, "1.0.0", digest, str(package), "local", "") for i in range(len(roles)))
    options = Options(capture_masked=masked)
    write_spec(generation, GenerationSpec(name, 1, name, 1, "", variants, options))
    shares = tuple(Share(role, 100.0 if role == "stable" else 0.0) for role in roles)
    create_weights(generation / "weights", Weights(shares))
    write_wanted(folder, Wanted("127.0.0.1", 1, 1))
    return Endpoint(folder, package)


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
