"""One request as the variants see it, and what becomes of it: the two nouns of the data plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .answers import Answer
    from .problems import InvalidRequest, Problem
    from .router import Contract
    from .runtimes import Prediction
    from .validation import Request, Validator

JSON = b"application/json"
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class Call:
    """One request for predictions.

    Parameters
    ----------
    body : bytes
        The body, whole, within the limits of the app.
    prediction_id : str
        Given to the answer, so that a caller can refer to it.
    role : str
        ``stable``, ``candidate`` or ``shadow``: what the variant is for this request.
    dialect : str
        Which of `dialects.DIALECTS` reads the body and writes the answer.
    unit : str
        What routing hashed; empty when the request had none.
    begun : float
        When it came, by `time.perf_counter`.
    probe : bool
        Whether it is one of our own, neither counted nor captured.
    content_type, accept : str
        As sent, empty if none was.
    header_length : int
        V2's ``Inference-Header-Content-Length``: where JSON ends and binary tensors begin; 0 without any.
    moment : int or None
        When it is captured as asked, in nanoseconds since 1970; None for when it is answered.
    """

    body: bytes
    prediction_id: str
    role: str = "stable"
    dialect: str = "json"
    unit: str = ""
    begun: float = 0.0
    probe: bool = False
    content_type: str = "application/json"
    accept: str = ""
    header_length: int = 0
    moment: int | None = None


@dataclass(slots=True)
class Outcome:
    """What becomes of a call.

    Parameters
    ----------
    status : int
        HTTP status.
    body, content_type, headers : bytes, bytes, tuple
        Of the answer; `headers` beside type and length.
    problems : sequence of Problem
        What was wrong with the request, to be counted.
    error : str
        One line, for the capture; empty when there is nothing to tell.
    gone : bool
        Whether nobody was there to answer: another variant may be asked instead.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()
    problems: Sequence[Problem] = ()
    error: str = ""
    gone: bool = False


@dataclass(slots=True)
class Answered:
    """A call whose rows were predicted, before it is written down."""

    call: Call
    contract: Contract
    version: str
    request: Request
    prediction: Prediction
    answer: Answer


class Dialect(Protocol):
    """One way to write requests and answers: ours, MLflow's, V2, Arrow. Without state."""

    def read(self, validator: Validator, call: Call) -> Request:
        """Return the rows of a call.

        Raises
        ------
        InvalidRequest
            When they cannot be answered.
        """
        ...

    def write(self, answered: Answered) -> Outcome:
        """Return the answer, status 200."""
        ...

    def refuse(self, refusal: InvalidRequest, call: Call) -> Outcome:
        """Return a refusal or a failure (any 4xx or 5xx) in the form that this dialect's clients read."""
        ...
