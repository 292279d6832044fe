"""Build a package, stage by stage, in a folder that appears only when it is complete."""

from __future__ import annotations

import json
import platform
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.schema.data import count_rows
from mlops_jupyter.serving.manifest import MANIFEST, Manifest, content_digest
from mlops_jupyter.store.faults import kill_point
from mlops_jupyter.store.versions import set_state

from . import content, folders, golden, metrics
from .numbering import number
from .papers import write_papers, write_requirements, write_tests
from .pins import Pins, find_pins
from .profile import write_reference
from .request import BuiltPackage, PackageRequest, check_name
from .sealing import file_entries, part_sizes, seal, verified
from .subject import Subject, open_subject, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.versions import VersionRecord
    from mlops_jupyter.store.workspace import Workspace

    from .formats import SavedModel


@dataclass
class Stages:
    """A clock for the stages of a build, which tells each as it begins."""

    report: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the block under a name."""
        self.report(name)
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)


@dataclass(frozen=True)
class Draft:
    """A package whose content is written, and what is known of it."""

    folder: Path
    request: PackageRequest
    subject: Subject
    schema: dict[str, Any]
    serving: dict[str, Any]
    saved: SavedModel
    measured: dict[str, Any]
    golden: dict[str, Any]
    pins: Pins
    notes: tuple[str, ...]
    unmeasured: str


def build(
    workspace: Workspace, store: Store, request: PackageRequest, report: Callable[[str], None]
) -> BuiltPackage:
    """Build a package and give it its version.

    Parameters
    ----------
    workspace : Workspace
        Where it is built and kept.
    store : Store
        Where its version is reserved.
    request : PackageRequest
        What to package.
    report : callable
        Told the name of each stage as it begins.

    Returns
    -------
    BuiltPackage
        What stands there now. The same content gives the same version.

    Raises
    ------
    MlopsError
        When the model, the data or the disk will not do; nothing is left behind then.
    """
    check_name(request.name)
    stages = Stages(report)
    with folders.building(workspace.packages) as folder:
        draft = _write_content(workspace, folder, request, stages)
        with stages("version"):
            digest = content_digest(file_entries(folder))
            contracts = workspace.root / "contracts"
            record, reason = number(store, contracts, request.name, digest, draft.schema)
            kill_point("package.reserved")
        standing = _standing(workspace, record)
        if standing is not None and _says_the_same(standing, draft, record):
            _enter(store, record, standing.path, request)
            return _built(standing.path, record, request, stages, draft.notes, existed=True)
        with stages("seal"):
            path = _seal(workspace, draft, record, standing.reason if standing else reason)
            _enter(store, record, path, request)
    if standing is not None and standing.path != path:
        shutil.rmtree(standing.path, ignore_errors=True)  # the same content, with newer metrics in its card
    return _built(path, record, request, stages, draft.notes)


def _write_content(workspace: Workspace, folder: Path, request: PackageRequest, stages: Stages) -> Draft:
    with stages("model"):
        subject = open_subject(request)
        own = content.find_user_code(subject, request)
    with stages("schema"):
        schema = content.make_schema(subject)
        serving = content.serving_config(schema, request.threshold, request.positive)
    with stages("format"):
        saved = content.write_model(folder, subject, schema, own, request)
        content.write_server(folder, saved, serving)
    with stages("metrics"):
        measured, unmeasured = _measure(subject, schema, serving, request)
    with stages("profile"):
        unprofiled = write_reference(folder, subject, schema, serving)
    with stages("tests"):
        rows = golden.golden_rows(subject.train.features, schema["input"])
        records = golden.as_records(rows, schema["input"])
        answers = golden.golden_answers(subject.answering, rows, schema, serving)
        examples = {"features": records, **answers}
        write_tests(folder, examples)
    with stages("pins"):
        key = content.import_key(folder, saved, own, schema)
        with _provisional(folder, request.name):
            body = json.dumps({"features": records}).encode()
            pins = find_pins(workspace.root / "cache" / "pins", folder, body, key)
        write_requirements(folder, pins)
    notes = tuple(note for note in (pins.note, unprofiled) if note)
    return Draft(
        folder, request, subject, schema, serving, saved, measured, examples, pins, notes, unmeasured
    )


def _measure(
    subject: Subject, schema: dict[str, Any], serving: dict[str, Any], request: PackageRequest
) -> tuple[dict[str, Any], str]:
    """Return the manifest's metrics, and why there are none when there are none."""
    empty: dict[str, Any] = {"on": None, "positive": None, "values": {}, "slices": []}
    task = schema["output"]["task"]
    if not metrics.has_metrics(task):
        return empty, f"there is no truth to compare a {task} model with"
    rows, on = (subject.test, "test data") if subject.test else (subject.train, "training data")
    if rows.target is None:
        option = "--test-target" if subject.test else "--target"
        return empty, f"no {option} was given"
    features, target = metrics.labelled(rows.features, rows.target)
    answers = metrics.measure(subject.answering, features, target, schema["output"], serving)
    values = metrics.score(answers, task)
    return {
        "on": on,
        "positive": answers.positive,
        "values": values,
        "slices": metrics.score_slices(answers, features, task, request.slices),
    }, ""


@contextmanager
def _provisional(folder: Path, name: str) -> Iterator[None]:
    """Seal the folder for as long as a fresh process looks at it, for the server loads nothing unsealed."""
    seal(folder, {"model": name, "version": "0.0.0"})
    try:
        yield
    finally:
        (folder / MANIFEST).unlink()


@dataclass(frozen=True)
class Standing:
    """A package of the same content that is here already, verified."""

    path: Path
    manifest: Manifest

    @property
    def reason(self) -> str:
        """Why it has its version."""
        return str(self.manifest.document.get("version_reason", ""))


def _standing(workspace: Workspace, record: VersionRecord) -> Standing | None:
    """Find a whole package of this version, be it one whose builder died before the store knew of it."""
    home = workspace.packages / record.digest[:16]
    known = [record.package_path] if record.package_path else []
    for path in (*known, *sorted(home.glob(f"{record.model}_v{record.version}_*"))):
        try:
            return Standing(path, verified(path, record.digest))
        except IntegrityError:
            continue
    return None


def _says_the_same(standing: Standing, draft: Draft, record: VersionRecord) -> bool:
    """Return whether the package that stands is to be kept: a registered one always is."""
    if record.state not in ("reserved", "packaged"):
        return True
    document = standing.manifest.document
    return bool(document["metrics"] == draft.measured and document["data"] == _data(draft))


def _seal(workspace: Workspace, draft: Draft, record: VersionRecord, reason: str) -> Path:
    path, created = _place(workspace, record)
    facts = _facts(draft, record, reason, created.isoformat(timespec="seconds"))
    about = {
        "estimator": draft.saved.config["estimator"],
        "serving": draft.serving,
        "example": draft.golden["features"][0],
        "notes": draft.notes,
        "unmeasured": draft.unmeasured,
    }
    write_papers(draft.folder, facts, draft.schema, about)
    seal(draft.folder, facts)
    return folders.settle(draft.folder, path)


def _place(workspace: Workspace, record: VersionRecord) -> tuple[Path, datetime]:
    """Return where the package will stand and the time in its name: a second later when that is taken."""
    home, created = workspace.packages / record.digest[:16], datetime.now(UTC)
    while True:
        path = home / f"{record.model}_v{record.version}_{created:%Y%m%dT%H%M%SZ}"
        if not path.exists():
            return path, created
        created += timedelta(seconds=1)


def _facts(draft: Draft, record: VersionRecord, reason: str, created: str) -> dict[str, Any]:
    request, saved = draft.request, draft.saved
    return {
        "model": record.model,
        "version": record.version,
        "version_reason": reason,
        "created": created,
        "format": {"name": saved.format, "why": saved.why, "parity": saved.parity},
        "git": request.git,
        "data": _data(draft),
        "metrics": draft.measured,
        "parameters": {**parameters_of(draft.subject.model), **request.parameters},
        "run": {"id": request.run, "experiment": None} if request.run else None,
        "libraries": draft.pins.versions,
        "python": platform.python_version(),
    }


def _data(draft: Draft) -> dict[str, Any]:
    subject = draft.subject
    rows = {"train": subject.train, "test": subject.test}
    return {
        name: _shape(part.features, draft.request.fingerprints.get(name)) if part else None
        for name, part in rows.items()
    }


def _shape(features: Any, fingerprint: str | None) -> dict[str, Any]:
    columns = 1 if isinstance(features, list) else int(features.shape[1])
    return {"rows": count_rows(features), "columns": columns, "fingerprint": fingerprint}


def _enter(store: Store, record: VersionRecord, path: Path, request: PackageRequest) -> None:
    """Tell the store where the package is; a version that is registered stays so."""
    if record.state != "reserved" and record.package_path == path:
        return
    state = "packaged" if record.state == "reserved" else record.state
    facts: dict[str, Any] = {"manifest_digest": verified(path, record.digest).manifest_digest}
    if request.run is not None:
        facts["run_id"] = request.run
    set_state(store, record.model, record.version, state, package_path=path, **facts)
    kill_point("package.entered")


def _built(
    path: Path,
    record: VersionRecord,
    request: PackageRequest,
    stages: Stages,
    notes: tuple[str, ...],
    *,
    existed: bool = False,
) -> BuiltPackage:
    exported = None
    if request.to is not None:
        with stages("export"):
            exported = export(path, request.to)
    manifest = verified(path, record.digest)
    document = manifest.document
    return BuiltPackage(
        path=path,
        model=record.model,
        version=record.version,
        version_reason=document["version_reason"],
        digest=manifest.digest,
        manifest_digest=manifest.manifest_digest,
        format=document["format"]["name"],
        why=document["format"]["why"],
        parity=document["format"]["parity"],
        metrics=document["metrics"],
        sizes=part_sizes(manifest),
        seconds=stages.seconds,
        notes=notes,
        existed=existed,
        exported=exported,
    )


def export(package: Path, to: Path) -> Path:
    """Copy a package into a folder, whole or not at all."""
    with folders.building(to) as copy:
        folders.copy_tree(package, copy)
        return folders.settle(copy, to / package.name)
