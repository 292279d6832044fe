"""What a deployment asks of its server: in `spec.json` by a deploy, the defaults for a package alone.

What belongs to a model stands in its package's ``serving_config.yaml``; what belongs to the place where it is
served stands here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ExtraColumns = Literal["warn", "ignore", "refuse"]


@dataclass(frozen=True)
class Options:
    """How a deployment serves.

    Parameters
    ----------
    unit : str
        What routing hashes: ``header:NAME``, ``cookie:NAME`` or ``field:NAME`` of the first record; the
        prediction id where a request does not have it.
    salt : str
        Mixed into the hash, so that two deployments do not send the same units to their candidates.
    timeout : float
        Seconds after which a request is answered 504.
    concurrency : int
        Requests that one variant works on at a time in one worker; 0 for as many as there are cores.
    queue : int
        Requests that may wait for one variant in one worker; the next are answered 503.
    batching : bool or None
        Whether requests that wait are predicted together; None for by measurement.
    extra_columns : str or None
        What is done with columns that the model does not have: ``warn``, ``ignore`` or ``refuse``; None for
        what the package says.
    cache : int
        Answers kept by the bytes of their request, in each worker; 0 for none.
    capture : bool
        Whether requests and answers are kept, for drift and feedback.
    capture_days, capture_bytes : float, int
        What is older is removed, and the oldest beyond so many bytes.
    capture_masked, capture_hashed : tuple of str
        Columns that are captured as missing, or as a keyed hash.
    access_log : bool
        Whether each request is logged as a line of JSON, with its unit.
    access_log_features : bool
        Whether with its features, too.
    rate, burst : float or None, int or None
        Requests a second that one key may make, over all workers, and how many at once; None for no limit.
    tls_certificate, tls_key : str or None
        Paths of a PEM certificate (chain) and its key; with them the server speaks HTTPS.
    insecure : bool
        Whether to listen beyond this machine without any key.
    hosts : tuple of str
        Names by which callers reach it through a proxy of the user's own; on loopback any other name than
        this machine's is refused.
    grpc_port : int or None
        Where V2 gRPC is answered; None for nowhere.
    """

    unit: str = "header:x-mlops-unit"
    salt: str = ""
    timeout: float = 30.0
    concurrency: int = 0
    queue: int = 128
    batching: bool | None = None
    extra_columns: ExtraColumns | None = None
    cache: int = 0
    capture: bool = True
    capture_days: float = 7.0
    capture_bytes: int = 1 << 30
    capture_masked: tuple[str, ...] = ()
    capture_hashed: tuple[str, ...] = ()
    access_log: bool = False
    access_log_features: bool = False
    rate: float | None = None
    burst: int | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    insecure: bool = False
    hosts: tuple[str, ...] = ()
    grpc_port: int | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON bears it."""
        return asdict(self)


def read_options(document: Mapping[str, Any] | None) -> Options:
    """Return the options of a document; what another release wrote beside them is left out.

    Examples
    --------
    >>> read_options({"timeout": 5.0, "capture_masked": ["name"], "of_tomorrow": 1}).capture_masked
    ('name',)
    """
    known = {field.name for field in fields(Options)}
    chosen = {name: value for name, value in (document or {}).items() if name in known}
    for name in ("capture_masked", "capture_hashed", "hosts"):
        if name in chosen:
            chosen[name] = tuple(chosen[name])
    return Options(**chosen)
