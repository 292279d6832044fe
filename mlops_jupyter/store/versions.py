"""Versions and aliases as this workspace last saw them, and the numbers it has given out.

MLflow owns versions and aliases; these tables mirror it, so that nothing a user types waits for MLflow. A
number is reserved here, for one content digest, before anything is built.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

from mlops_jupyter.errors import ConflictError, NotFoundError, RefusedError, UsageError, did_you_mean

from .database import metadata
from .names import write_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .database import Store

State: TypeAlias = Literal["reserved", "packaged", "registering", "incomplete", "registered"]
EARLY = frozenset({"reserved", "packaged"})
SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
MODEL = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)

version_rows = sa.Table(
    "versions",
    metadata,
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("version", sa.String, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, index=True),
    sa.Column("manifest_digest", sa.String(64)),
    sa.Column("registry_version", sa.Integer),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("package_path", sa.String),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("run_id", sa.String),
    sa.Column("tags", sa.String, nullable=False),
    sa.Column("changed", sa.Integer, nullable=False),
)
alias_rows = sa.Table(
    "aliases",
    metadata,
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("alias", sa.String, primary_key=True),
    sa.Column("registry_version", sa.Integer, nullable=False),
    sa.Column("changed", sa.Integer, nullable=False),
)


@dataclass(frozen=True)
class VersionRecord:
    """One version of a model.

    Parameters
    ----------
    model, version : str
        The model's name and the semantic version.
    digest : str
        The content digest, 64 hex digits.
    manifest_digest : str, optional
        SHA-256 of MANIFEST.json, known once the package was built or seen.
    registry_version : int, optional
        MLflow's number, once registered.
    state : str
        ``reserved`` (a number only), ``packaged``, ``registering``, ``incomplete`` (registering broke off)
        or ``registered``.
    package_path : Path, optional
        The package on this machine, where it was last seen.
    created : str
        UTC, ISO 8601.
    run_id : str, optional
        The MLflow run that trained it.
    tags : dict
        The tags of the MLflow version.
    aliases : tuple of str
        The aliases that point to it.
    """

    model: str
    version: str
    digest: str
    manifest_digest: str | None
    registry_version: int | None
    state: State
    package_path: Path | None
    created: str
    run_id: str | None
    tags: dict[str, str]
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How it is called in a sentence: ``churn 1.2.0``."""
        return f"{self.model} {self.version}"


def check_model(model: str) -> str:
    """Return the name of a model that can be a folder and a registered model, or refuse it.

    Raises
    ------
    UsageError
        When it has other signs than letters, digits, ``_``, ``-``, ``.``, or begins with one of the last two.
    """
    if not MODEL.fullmatch(model):
        hint = "use letters, digits, _, - and ., at most 100, beginning with a letter, digit or _"
        raise UsageError(f"{model!r} cannot be the name of a model", hint=hint)
    return model


def semantic(version: str) -> tuple[int, int, int]:
    """Return a semantic version as numbers that sort.

    Raises
    ------
    UsageError
        When it is not three whole numbers with points between.

    Examples
    --------
    >>> semantic("1.10.0") > semantic("1.9.3")
    True
    """
    found = SEMANTIC.fullmatch(version)
    if not found:
        raise UsageError(f"{version!r} is not a semantic version", hint="write major.minor.patch: 1.2.0")
    major, minor, patch = map(int, found.groups())
    return major, minor, patch


def reserve_version(
    store: Store, model: str, digest: str, choose: Callable[[list[VersionRecord]], str]
) -> VersionRecord:
    """Give a content its version number: the one it already has, else the one `choose` picks.

    Parameters
    ----------
    store : Store
        The workspace's store.
    model, digest : str
        The model's name and the content digest.
    choose : callable
        Gets the model's versions from old to new and returns a semantic version. It runs with the write lock
        held.

    Raises
    ------
    ConflictError
        When the chosen number belongs to another content.
    """
    check_model(model)
    with changing(store) as connection:
        existing = select(connection, model)
        # of two with one content, the registered one is the version
        same = sorted(
            (each for each in existing if each.digest == digest), key=lambda each: each.state != "registered"
        )
        if same:
            return same[0]
        version = choose(existing)
        semantic(version)
        if any(each.version == version for each in existing):
            raise ConflictError(
                f"{model} {version} is another package already", hint="leave the version out, or raise it"
            )
        row = new_row(model, version, digest, "reserved")
        connection.execute(version_rows.insert().values(row))
        return record_of(row, ())


def ensure_version(store: Store, model: str, version: str, digest: str) -> None:
    """Enter a package that was built elsewhere; a number that was only reserved here gives way to it.

    Raises
    ------
    ConflictError
        When the number is registered for another content.
    """
    which = (version_rows.c.model == model) & (version_rows.c.version == version)
    with changing(store) as connection:
        old = connection.execute(sa.select(version_rows).where(which)).first()
        if old is not None and old.digest == digest:
            return
        if old is not None and old.registry_version is not None:
            hint = "package again: it gets the next number"
            raise ConflictError(f"{model} {version} is another package already", hint=hint)
        connection.execute(version_rows.delete().where(which))
        connection.execute(version_rows.insert().values(new_row(model, version, digest, "packaged")))


def new_row(model: str, version: str, digest: str, state: State) -> dict[str, Any]:
    """Return a row for a version of which only the content is known."""
    row: dict[str, Any] = dict.fromkeys(column.name for column in version_rows.columns)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return row | {
        "model": model,
        "version": version,
        "digest": digest,
        "state": state,
        "created": created,
        "tags": "{}",
        "changed": time.time_ns(),
    }


def set_state(store: Store, model: str, version: str, state: State, **facts: Any) -> VersionRecord:
    """Set the state of a version, and facts learnt with it.

    Parameters
    ----------
    store : Store
        The workspace's store.
    model, version : str
        Which version.
    state : str
        The new state. What is registered, or is being registered, stays so when it is packaged again.
    **facts
        `package_path`, `manifest_digest`, `registry_version`, `run_id` or `tags`.
    """
    if "tags" in facts:
        facts["tags"] = json.dumps(facts["tags"])
    if facts.get("package_path") is not None:
        facts["package_path"] = str(facts["package_path"])
    with changing(store) as connection:
        before = one(select(connection, model), model, version).state
        kept = before if state in EARLY and before not in EARLY else state
        which = (version_rows.c.model == model) & (version_rows.c.version == version)
        change = version_rows.update().where(which)
        connection.execute(change.values(state=kept, changed=time.time_ns(), **facts))
        return one(select(connection, model), model, version)


def list_models(store: Store) -> list[str]:
    """Return the names of all models, sorted."""
    return sorted({each.model for each in list_versions(store)})


def list_versions(store: Store, model: str | None = None) -> list[VersionRecord]:
    """Return the versions of a model, or of every model, from old to new."""
    with store.read() as connection:
        return select(connection, model)


def find_version(store: Store, model: str, spec: str | None = None) -> VersionRecord:
    """Return the version that `spec` names, whatever its state.

    Parameters
    ----------
    store : Store
        The workspace's store.
    model : str
        The model's name.
    spec : str, optional
        ``1.2.0``, a registry number ``3``, or ``@champion``; the highest when left out.

    Raises
    ------
    NotFoundError
        With the nearest known names.
    """
    versions = list_versions(store, model)
    if not versions:
        known = list_models(store)
        hint = did_you_mean(model, known) or "%mlops package makes the first one"
        raise NotFoundError(f"no model named {model!r}", hint=hint)
    return versions[-1] if spec is None else one(versions, model, spec)


def get_version(store: Store, model: str, spec: str | None = None) -> VersionRecord:
    """Return the registered version that `spec` names, by default the highest.

    Raises
    ------
    NotFoundError
        With the nearest known names.
    RefusedError
        When it is not, or not completely, registered.
    """
    found = find_version(store, model, spec)
    if spec is None:
        whole = [each for each in list_versions(store, model) if each.state == "registered"]
        found = whole[-1] if whole else found
    if found.state in {"registering", "incomplete"}:
        raise RefusedError(
            f"{found.name} is registered in part",
            "it broke off, or is going on",
            f"run %mlops register {model} again",
        )
    if found.state != "registered":
        raise RefusedError(f"{found.name} is not registered", hint=f"run %mlops register {model}")
    return found


def one(versions: list[VersionRecord], model: str, spec: str) -> VersionRecord:
    """Return the version a spec names among those of a model."""
    if spec.startswith("@"):
        return by_alias(versions, model, spec[1:])
    number = int(spec) if spec.isdecimal() else None
    for each in versions:
        if each.version == spec or (number is not None and each.registry_version == number):
            return each
    hint = did_you_mean(spec, (each.version for each in versions))
    raise NotFoundError(f"no version {spec!r} of {model}", hint=hint)


def by_alias(versions: list[VersionRecord], model: str, alias: str) -> VersionRecord:
    """Return the version an alias points to."""
    for each in versions:
        if alias in each.aliases:
            return each
    known = [name for each in versions for name in each.aliases]
    hint = did_you_mean(alias, known) or f"%mlops alias {model} {alias} sets it"
    raise NotFoundError(f"no alias {alias!r} of {model}", hint=hint)


def check_alias(alias: str) -> None:
    """Refuse a name MLflow would not take as an alias."""
    if not ALIAS.fullmatch(alias):
        raise UsageError(f"{alias!r} cannot be an alias", hint="use letters, digits, - and _, at most 255")
    if RESERVED_ALIAS.fullmatch(alias):
        raise UsageError(
            f"{alias!r} cannot be an alias", "MLflow reserves latest and v<number>", "choose another name"
        )


def point_alias(connection: sa.Connection, model: str, alias: str, registry_version: int | None) -> None:
    """Set an alias in the mirror; None takes it away."""
    which = (alias_rows.c.model == model) & (alias_rows.c.alias == alias)
    connection.execute(alias_rows.delete().where(which))
    if registry_version is not None:
        row = {
            "model": model,
            "alias": alias,
            "registry_version": registry_version,
            "changed": time.time_ns(),
        }
        connection.execute(alias_rows.insert().values(row))


@contextmanager
def changing(store: Store) -> Iterator[sa.Connection]:
    """Yield a connection with the write lock; the file of names is made again before the lock is let go."""
    with store.begin() as connection:
        yield connection
        versions: dict[str, list[str]] = {}
        aliases: dict[str, list[str]] = {}
        for each in reversed(select(connection)):
            versions.setdefault(each.model, []).append(each.version)
            aliases.setdefault(each.model, []).extend(each.aliases)
        # names only serve completion: a full disk must not stop what is being done
        with suppress(OSError):
            write_names(store.workspace.root, versions, aliases)


def select(connection: sa.Connection, model: str | None = None) -> list[VersionRecord]:
    """Read the versions of a model, or of all, with their aliases, from old to new."""
    wanted, pointed = sa.select(version_rows), sa.select(alias_rows)
    if model is not None:
        wanted, pointed = (
            wanted.where(version_rows.c.model == model),
            pointed.where(alias_rows.c.model == model),
        )
    aliases: dict[tuple[str, int], list[str]] = {}
    for row in connection.execute(pointed.order_by(alias_rows.c.alias)):
        aliases.setdefault((row.model, row.registry_version), []).append(row.alias)
    found = [
        record_of(row, tuple(aliases.get((row["model"], row["registry_version"]), ())))
        for row in (each._asdict() for each in connection.execute(wanted))
    ]
    return sorted(found, key=lambda each: (each.model, semantic(each.version)))


def record_of(row: Mapping[str, Any], aliases: tuple[str, ...]) -> VersionRecord:
    """Make a record of a row."""
    facts = {name: value for name, value in row.items() if name != "changed"}
    path = Path(row["package_path"]) if row["package_path"] else None
    return VersionRecord(
        **facts | {"tags": json.loads(row["tags"]), "package_path": path, "aliases": aliases}
    )
