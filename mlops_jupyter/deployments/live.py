"""Bringing a version live: a generation beside the old one, and the moment it takes over.

Every effect is journalled before it happens. Until the takeover the old generation serves and nothing of it
was touched; the takeover is one small file, written under a lock, and only if nobody has changed what is
stable since this began.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import ConflictError, IntegrityError, MlopsError, RefusedError, UnavailableError
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.spec import WEIGHTS, GenerationSpec, VariantSpec, generation_folder, write_spec
from mlops_jupyter.serving.wanted import Wanted, read_wanted, write_wanted
from mlops_jupyter.serving.weights import Share, Weights, create_weights
from mlops_jupyter.store import locks
from mlops_jupyter.store.deployments import (
    DeploymentEvent,
    DeploymentRecord,
    advance_deployment,
    allot_generation,
    begin_event,
    find_deployment,
    finish_event,
    list_deployments,
    put_deployment,
)
from mlops_jupyter.store.faults import kill_point
from mlops_jupyter.store.settings import settings

from .environments import isolated_python
from .folder import (
    Serving,
    activation,
    check_name,
    make_folder,
    read_certificate,
    read_serving,
    read_state,
)
from .options import check_grpc_port, check_open, check_tls, merged_options
from .placement import Python, place
from .ports import PortTakenError, choose_port, is_free
from .pruning import prune_generations
from .requests import Endpoint
from .reserve import create_reserve, take_in
from .supervision import end_all, ensure_supervisor, living_workers, running_supervisor, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_jupyter.store.database import Store
    from mlops_jupyter.store.workspace import Workspace

    from .certificates import Certificate

_ANSWERS_WITHIN = 10.0
_MOVES = 10  # ports to try where others are faster


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Parameters
    ----------
    verb : str
        On whose behalf: ``deploy`` or ``rollback``.
    name, model, version, digest : str
        The deployment, and the version it is to serve.
    package : Path
        Its verified package.
    host : str or None
        Where to listen; None for where it did, or for a new deployment where the settings say.
    port : int or None
        The port, or None for the remembered one or any.
    workers : int or None
        Processes; None for as many as before.
    isolated : bool or None
        Whether to run in an environment of the package's own pins; None for as before.
    reason : str or None
        Why, for the journal.
    options : mapping
        What is asked of the server, by `asked_options`; what is not named stays as it was.
    """

    verb: str
    name: str
    model: str
    version: str
    digest: str
    package: Path
    host: str | None = None
    port: int | None = None
    workers: int | None = None
    isolated: bool | None = None
    reason: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Live:
    """What serves now.

    Parameters
    ----------
    record : DeploymentRecord
        What is intended of the deployment.
    serving : Serving
        The generation that serves.
    previous : str or None
        What was stable before.
    changed : bool
        False when it served the same before.
    note : str
        What the reader should know beside: why the previous version is not loaded.
    certificate : Certificate or None
        What it serves with, when it speaks HTTPS and that was looked at.
    """

    record: DeploymentRecord
    serving: Serving
    previous: str | None
    changed: bool
    note: str = ""
    certificate: Certificate | None = None


@dataclass
class _Attempt:
    """One try at granting a wish."""

    workspace: Workspace
    store: Store
    folder: Path
    record: DeploymentRecord
    wish: Wish
    options: Options
    before: Serving | None
    running: bool
    report: Callable[[str], None]

    @property
    def active(self) -> int | None:
        """The generation that serves meanwhile: none when the deployment was stopped."""
        return self.before.spec.generation if self.before and self.running else None

    @property
    def previous(self) -> str | None:
        """The version that was stable."""
        return self.before.stable.version if self.before else None

    @property
    def may_move(self) -> bool:
        """Whether nobody has asked for its port or knows of it."""
        return self.wish.port is None and not self.running and self.record.version is None

    def move(self) -> None:
        """Take another port."""
        taken = _ports_of_others(self.store, self.record.name)
        self.record = replace(self.record, port=choose_port(self.record.host, None, taken))
        put_deployment(self.store, self.record)

    def wanted(self, active: int | None, prepare: int | None = None) -> Wanted:
        """Return what to tell the supervisor."""
        prepared_by = os.getpid() if prepare is not None else None
        return Wanted(self.record.host, self.record.port, active, prepare, prepared_by)


def go_live(workspace: Workspace, store: Store, wish: Wish, report: Callable[[str], None]) -> Live:
    """Make a version the stable one of a deployment, without one failed request.

    Raises
    ------
    ConflictError
        When another process deploys there, or changed what is stable in the meantime.
    RefusedError
        When a running deployment would have to move to another port.
    UnavailableError, IntegrityError
        When the generation does not come up; the old one serves on.
    """
    folder = workspace.deployments / check_name(wish.name)
    with locks.hold(store, f"deploy {wish.name}"):
        take_in(store, folder)
        before, supervised = read_serving(folder), running_supervisor(folder) is not None
        running = supervised or bool(living_workers(folder))
        record = _record(store, wish, running=running)
        options = merged_options(before.spec.options if before else Options(), wish.options)
        certificate = _checked(wish, record, options, folder)
        if supervised and before and _is_same(before, record, wish, options):
            return Live(record, before, record.previous, changed=False, certificate=certificate)
        make_folder(workspace.deployments, wish.name, wish.model)
        put_deployment(store, record)
        attempt = _Attempt(workspace, store, folder, record, wish, options, before, running, report)
        return replace(_journalled(attempt), certificate=certificate)


def make_generation(
    folder: Path, record: DeploymentRecord, number: int, variants: tuple[VariantSpec, ...], options: Options
) -> Serving:
    """Write down a generation, whose first variant is stable."""
    path = generation_folder(folder, number)
    path.mkdir(mode=0o700)
    python = variants[0].python
    spec = GenerationSpec(record.name, number, record.model, record.workers, python, variants, options)
    write_spec(path, spec)
    weights = Weights((Share("resident", 0.0),) * len(variants)).with_stable(0)
    create_weights(path / WEIGHTS, weights)
    return Serving(spec, weights)


def confirm(folder: Path, record: DeploymentRecord, generation: int) -> None:
    """Wait until new connections are answered by a generation: the old one has let go of the socket."""
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while (answering := _answering(folder, record)) != generation:
        if time.monotonic() > deadline:
            why = f"generation {answering} still does" if answering is not None else "nothing else does"
            raise UnavailableError(f"generation {generation} of {record.name} does not answer", why)
        time.sleep(0.01)


def _answering(folder: Path, record: DeploymentRecord) -> int | None:
    """Return the generation that answers; None for none, or one that speaks HTTP where HTTPS is next."""
    certificate = read_certificate(folder)
    try:
        with Endpoint(record.host, record.port, _ANSWERS_WITHIN, certificate=certificate) as endpoint:
            status, health = endpoint.ask("/health")
    except UnavailableError:
        return None
    return health.get("generation") if status == 200 else None


def _checked(wish: Wish, record: DeploymentRecord, options: Options, folder: Path) -> Certificate | None:
    """Look whether it can be served so; a way back must not be barred by a certificate that has expired."""
    if wish.verb == "rollback":
        return None
    check_open(record.name, record.host, options, folder)
    check_grpc_port(options, folder)
    return check_tls(options)


def _record(store: Store, wish: Wish, *, running: bool) -> DeploymentRecord:
    """Return what is intended of the deployment from now on, its port free or its own."""
    found = find_deployment(store, wish.name)
    if found and found.model != wish.model:
        raise RefusedError(
            f"{wish.name} serves {found.model}, not {wish.model}", hint="take another name with --as"
        )
    taken = _ports_of_others(store, wish.name)
    if found is None:
        host = wish.host or settings().host
        port = choose_port(host, wish.port, taken)
        return DeploymentRecord(
            wish.name, wish.model, host, port, wish.workers or 1, bool(wish.isolated), intent="stopped"
        )
    host = wish.host or found.host
    if running:
        _check_stays(found, host, wish)
    known = found.port if found.version or is_free(host, found.port) else None
    port = found.port if running else choose_port(host, wish.port or known, taken)
    workers = wish.workers or found.workers
    isolated = found.isolated if wish.isolated is None else wish.isolated
    return replace(found, host=host, port=port, workers=workers, isolated=isolated)


def _ports_of_others(store: Store, name: str) -> set[int]:
    return {each.port for each in list_deployments(store) if each.name != name}


def _check_stays(found: DeploymentRecord, host: str, wish: Wish) -> None:
    """Refuse to move a deployment that runs: its socket is bound once."""
    if wish.port not in {None, found.port}:
        hint = f"mlops stop {found.name} first, or leave --port out"
        what = f"{found.name} listens on port {found.port} and cannot move while it runs"
        raise RefusedError(what, hint=hint)
    if host != found.host:
        hint = f"mlops stop {found.name} first, or leave --host out"
        raise RefusedError(f"{found.name} listens on {found.host} and cannot move while it runs", hint=hint)


def _is_same(before: Serving, record: DeploymentRecord, wish: Wish, options: Options) -> bool:
    same_workers = before.spec.workers == record.workers and before.spec.options == options
    stable = before.stable
    same_python = stable.isolated if record.isolated else stable.python == sys.executable
    return stable.digest == wish.digest and same_workers and same_python


def _journalled(attempt: _Attempt) -> Live:
    began = time.monotonic()
    store, record, wish = attempt.store, attempt.record, attempt.wish
    intent = DeploymentEvent(record.name, wish.verb, wish.version, attempt.previous, None, wish.reason)
    event = begin_event(store, intent)
    kill_point("deploy-intended")
    try:
        serving, note = _prepare(attempt)
        attempt.report("takeover")
        live = _activate(attempt, serving)
        confirm(attempt.folder, live, serving.spec.generation)
    except BaseException as problem:
        _withdraw(attempt)
        outcome = "refused" if isinstance(problem, ConflictError) else "failed"
        text = str(problem) if isinstance(problem, MlopsError) else type(problem).__name__
        finish_event(store, event, outcome, error=text, seconds=time.monotonic() - began)
        raise
    number = serving.spec.generation
    finish_event(store, event, "done", seconds=time.monotonic() - began, generation=number)
    prune_generations(attempt.folder, keep=number)
    return Live(live, serving, attempt.previous, changed=True, note=note)


def _prepare(attempt: _Attempt) -> tuple[Serving, str]:
    """Load and warm the generation beside the one that serves.

    A previous version that cannot be loaded any more must not stand in the way of the next: then it is left
    out.
    """
    create_reserve(attempt.folder)
    variants = place(*_residents(attempt))
    try:
        return _load(attempt, variants), ""
    except (IntegrityError, UnavailableError) as problem:
        wanted = read_wanted(attempt.folder)
        failed = read_state(attempt.folder, wanted.prepare) if wanted and wanted.prepare else {}
        if failed.get("slot") in {None, 0} or len(variants) == 1:
            raise
        note = f"{attempt.previous} could not stay loaded: {problem.why or problem.what}"
        return _load(attempt, variants[:1]), note


def _load(attempt: _Attempt, variants: tuple[VariantSpec, ...]) -> Serving:
    folder, number = attempt.folder, allot_generation(attempt.store, attempt.record.name)
    serving = make_generation(folder, attempt.record, number, variants, attempt.options)
    attempt.report("load and warm")
    _supervise(attempt, number)
    wait_for(folder, number, "ready")
    return serving


def _supervise(attempt: _Attempt, number: int) -> None:
    """Say what is wanted and start the supervisor if none lives; on another port where one was faster."""
    for may_move in [attempt.may_move] * _MOVES + [False]:
        write_wanted(attempt.folder, attempt.wanted(attempt.active, number))
        kill_point("deploy-prepared")
        try:
            ensure_supervisor(attempt.folder)
        except PortTakenError:
            if not may_move:
                raise
            attempt.move()
        else:
            return


def _residents(attempt: _Attempt) -> tuple[list[Path], list[Python]]:
    """Return the packages to hold, the new one first, and the interpreter of each."""
    wish, before, path, isolated = attempt.wish, attempt.before, sys.executable, attempt.record.isolated
    if isolated:
        path = isolated_python(attempt.workspace.root / "environments", wish.package, attempt.report)
    packages, pythons = [wish.package], [Python(path, isolated)]
    if before and before.stable.digest != wish.digest and Path(before.stable.package).is_dir():
        packages.append(Path(before.stable.package))
        pythons.append(Python(before.stable.python, before.stable.isolated))
    return packages, pythons


def _activate(attempt: _Attempt, serving: Serving) -> DeploymentRecord:
    """Make the generation the one that serves, unless somebody has changed what is stable."""
    folder, number = attempt.folder, serving.spec.generation
    with activation(folder):
        now = read_serving(folder)
        if attempt.running and now != attempt.before:
            stable = f"{now.stable.version} is stable now" if now else "it was stopped"
            hint = f"look at `mlops history {folder.name}`, then try again"
            raise ConflictError(f"{folder.name} was changed in the meantime", stable, hint)
        facts = {"version": serving.stable.version, "previous": attempt.previous}
        live = advance_deployment(attempt.store, attempt.record, **facts, generation=number, intent="serving")
        kill_point("deploy-recorded")
        write_wanted(folder, attempt.wanted(number))
    kill_point("deploy-activated")
    wait_for(folder, number, "serving")
    return live


def _withdraw(attempt: _Attempt) -> None:
    """Stop wanting a generation that did not make it; what served serves on, what was stopped stays so."""
    wanted = read_wanted(attempt.folder)
    if wanted is None or wanted.prepare is None:
        return
    before = attempt.before.spec.generation if attempt.before else None
    if not attempt.running:
        end_all(attempt.folder)
    write_wanted(attempt.folder, attempt.wanted(before))
