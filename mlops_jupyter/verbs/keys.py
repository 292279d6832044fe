"""The verb of API keys: who may call an endpoint, for what, how often and until when."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from mlops_jupyter.durations import seconds_of
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.verbs.results import Note, Quantity, Result, Status, Table
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mlops_jupyter.serving.access.keys import Key
    from mlops_jupyter.verbs.results import Block
    from mlops_jupyter.verbs.types import DeploymentName

_ACTIONS: Final = ("create", "list", "revoke")
_COLUMNS: Final = ("key", "state", "good for", "created", "expires", "rate", "note")
_LONGEST: Final = 100 * 366 * 86400.0  # seconds; what dates can hold, and everybody's patience
_SECRET: Final = (
    "the secret is in this result's .secret (in a notebook _.secret), this once: it is kept nowhere, "
    "a notebook's outputs never hold it unless you show it there"
)


@dataclass(frozen=True)
class KeyRow:
    """One key, without its secret; moments in UTC."""

    id: str
    state: Literal["active", "expired", "revoked"]
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    rate: float | None
    burst: int | None
    note: str


@dataclass(frozen=True)
class KeyReport(Result):
    """The keys of a deployment.

    Parameters
    ----------
    deployment : str
        Whose keys.
    action : str
        What was done: ``create``, ``list`` or ``revoke``.
    keys : tuple of KeyRow
        The key that was made or revoked; all of them for ``list``.
    secret : str
        Of the key that was made. A shell shows it once; what a notebook keeps never holds it.
    deployed : bool
        Whether the deployment exists already.
    known : tuple of str
        The deployments there are.
    """

    deployment: str
    action: str
    keys: tuple[KeyRow, ...]
    secret: str = field(default="", repr=False)
    deployed: bool = True
    known: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """What was done, or how many may call."""
        if self.action == "create":
            return f"{self.keys[0].id} may call {self.deployment}"
        if self.action == "revoke":
            return f"{self.keys[0].id} may not call {self.deployment} any more, within a second"
        active = sum(key.state == "active" for key in self.keys)
        if not self.keys:
            return f"{self.deployment} has no keys: whoever reaches it may call"
        return f"{active} of {len(self.keys)} keys may call {self.deployment}"

    def blocks(self) -> Iterable[Block]:
        """Yield one row a key, and where the secret is."""
        if self.keys:
            yield Table(_COLUMNS, tuple(map(_cells, self.keys)))
        if self.secret:
            yield Note(_SECRET, "warn")
            yield Note("a caller sends it as the header Authorization: Bearer SECRET, never in an address")
        if not self.deployed:
            near = did_you_mean(self.deployment, self.known)
            hint = f" ({near})" if near else ""
            yield Note(f"{self.deployment} is not deployed yet; its first deploy asks for keys{hint}", "warn")

    def __str__(self) -> str:
        text = super().__str__()
        if not self.secret or getattr(self, "_shown", False):
            return text
        object.__setattr__(self, "_shown", True)
        return f"{text}\n\n{self.secret}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return what a notebook shows and keeps: without the secret."""
        from mlops_jupyter.verbs.as_html import render_html
        from mlops_jupyter.verbs.as_text import render_text

        return {"text/plain": render_text(self), "text/html": render_html(self)}


@verb(stage="endpoints", audited=lambda given: given["action"] != "list")
def key(
    action: Literal["create", "list", "revoke"],
    deployment: DeploymentName,
    id_: str | None = None,
    *,
    scope: list[Literal["predict", "feedback", "operate"]] | None = None,
    expires: str | None = None,
    rate: float | None = None,
    burst: int | None = None,
    note: str = "",
) -> KeyReport:
    """Make, list or revoke the API keys of a deployment.

    From the first key on, calls without one are refused, on this machine too; `predict`, `rollback` and
    `loadtest` have one of their own. Every worker heeds a change within a second. Keys can be made before
    the first deploy.

    Parameters
    ----------
    action : {"create", "list", "revoke"}
        What to do.
    deployment : DeploymentName
        The endpoint.
    id_ : str, optional
        The key to revoke, as ``list`` shows it.
    scope : list of {"predict", "feedback", "operate"}, optional
        What a new key is good for: predictions, feedback, metrics and choosing a version. Predictions when
        left out.
    expires : str, optional
        How long it is good, or until when: ``30d``, ``12h``, ``2027-01-31`` (UTC). For ever when left out.
    rate : float, optional
        Requests a second, over all workers; what the deployment says when left out.
    burst : int, optional
        Requests at once; a second's worth when left out.
    note : str, optional
        Whose it is, for the list.

    Returns
    -------
    KeyReport
        The keys; for a new one also its ``secret``, which is shown once and kept nowhere.

    Raises
    ------
    NotFoundError
        When there is no such key.
    IntegrityError
        When the file of keys is damaged.

    Examples
    --------
    >>> secret = mlops.key("create", "churn", expires="30d", rate=100).secret  # doctest: +SKIP
    """
    from mlops_jupyter.deployments import keys
    from mlops_jupyter.deployments.folder import deployment_names

    _check_action(action)
    folder, secret = _folder(action, deployment), ""
    if action == "list":
        found = keys.list_keys(folder)
    elif action == "revoke":
        found = (keys.revoke_key(folder, _named(id_, deployment)),)
    else:
        _check_new(id_, rate, burst)
        terms: dict[str, Any] = {
            "scopes": _scopes(scope),
            "expires": _moment(expires),
            "rate": rate,
            "burst": burst,
        }
        made, secret = keys.create_key(folder, **terms, note=note)
        found = (made,)
    known = tuple(deployment_names(folder.parent))
    return KeyReport(deployment, action, tuple(map(_row, found)), secret, deployment in known, known)


def _check_action(action: str) -> None:
    """Refuse what a shell would have refused: Python takes any word, and a misspelt one would make a key."""
    if action not in _ACTIONS:
        raise UsageError(f"the action cannot be {action!r}", hint=did_you_mean(action, _ACTIONS))


def _folder(action: str, deployment: str) -> Path:
    """Return the folder of the keys: of a new one also for a deployment that is still to come."""
    from mlops_jupyter.deployments.folder import check_name, find_folder
    from mlops_jupyter.deployments.keys import has_keys, keys_folder
    from mlops_jupyter.store.workspace import open_workspace

    deployments = open_workspace().deployments
    if action == "create":
        return keys_folder(deployments, deployment)
    folder = deployments / check_name(deployment)
    return folder if has_keys(folder) else find_folder(deployments, deployment)


def _named(given: str | None, deployment: str) -> str:
    if given is None:
        raise UsageError("revoke needs the key's ID", hint=f"mlops key list {deployment} shows them")
    return given


def _check_new(given: str | None, rate: float | None, burst: int | None) -> None:
    if given is not None:
        raise UsageError(f"a new key gets its ID, not {given!r}", hint="--note says whose it is")
    if rate is not None and not 0.001 <= rate <= 1e6:
        raise UsageError(f"--rate cannot be {rate:g}", hint="0.001 to 1,000,000 requests a second")
    if burst is not None and not 1 <= burst <= 1e6:
        raise UsageError(f"--burst cannot be {burst}", hint="1 to 1,000,000 requests")


def _scopes(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the scopes of a new key; one alone may be written as such.

    Examples
    --------
    >>> _scopes(None), _scopes("operate")
    (('predict',), ('operate',))
    """
    from mlops_jupyter.serving.access.keys import SCOPES

    scopes = (given,) if isinstance(given, str) else tuple(given or SCOPES[:1])
    for scope in scopes:
        if scope not in SCOPES:
            raise UsageError(f"--scope cannot be {scope!r}", hint=did_you_mean(scope, SCOPES))
    return scopes


def _moment(text: str | None) -> float | None:
    """Return when a key expires, in seconds since the epoch.

    Examples
    --------
    >>> _moment("2100-01-01")
    4102444800.0
    """
    if text is None:
        return None
    now = time.time()
    try:
        written = datetime.fromisoformat(text.strip())
        moment = (written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        moment = now + seconds_of(text, "expires")
    if moment <= now:
        raise UsageError(f"--expires {text} is past")
    if moment > now + _LONGEST:
        raise UsageError(f"--expires {text} is more than a hundred years", hint="leave it out for never")
    return moment


def _row(key: Key) -> KeyRow:
    state: Literal["active", "expired", "revoked"] = "active"
    if key.revoked != math.inf:
        state = "revoked"
    elif key.expires <= time.time():
        state = "expired"
    return KeyRow(
        key.id, state, key.scopes, datetime.fromtimestamp(key.created, UTC), _when(key.expires),
        _when(key.revoked), key.rate, key.burst, key.note,
    )  # fmt: skip


def _when(moment: float) -> datetime | None:
    return None if moment == math.inf else datetime.fromtimestamp(moment, UTC)


def _cells(key: KeyRow) -> tuple[Any, ...]:
    state = Status(key.state, "ok" if key.state == "active" else "bad")
    rate = Quantity(key.rate, "/s") if key.rate is not None else ""
    return key.id, state, ", ".join(key.scopes), key.created, key.expires or "never", rate, key.note
