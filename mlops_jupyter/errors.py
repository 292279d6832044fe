"""The one family of errors: one clean line for the reader, a real failure for every runner.

IPython shows what `_render_traceback_` returns in place of a traceback, while papermill, nbclient and
nbmake still see an exception. (`UsageError` of IPython would pass nbmake silently.)
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class MlopsError(Exception):
    """What went wrong, for the person reading the cell.

    Parameters
    ----------
    what : str
        What is wrong, with the value that is wrong: ``no model named 'chrn'``.
    why : str
        Why it matters or how it came, when that is not plain from `what`.
    hint : str
        What to do next.

    Examples
    --------
    >>> print(MlopsError("no model named 'chrn'", hint="did you mean churn?"))
    no model named 'chrn'; did you mean churn?
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what, why, hint)
        self.what, self.why, self.hint = what, why, hint

    def __str__(self) -> str:
        because = f": {self.why}" if self.why else ""
        return f"{self.what}{because}" + (f"; {self.hint}" if self.hint else "")

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class UsageError(MlopsError):
    """The words of the command are wrong: nothing was tried (exit code 2 in a shell)."""

    exit_code = 2


class NotFoundError(MlopsError):
    """A name that is not known; the message lists the nearest that are."""


class ModelError(MlopsError):
    """The model cannot be packaged as it is: unfitted, no predict, code that cannot be found."""


class DataError(MlopsError):
    """The data does not fit the model or the request."""


class IntegrityError(MlopsError):
    """Something is not what was recorded: a changed file, a digest that disagrees, a broken chain."""


class RefusedError(MlopsError):
    """A gate said no: a metric below its bar, a version that is incomplete."""


class ConflictError(MlopsError):
    """Somebody else is doing it, or has done it in between."""


class StepError(MlopsError):
    """A step of a pipeline failed: in which cell, why, and where its executed notebook is."""


class WorkspaceError(MlopsError):
    """The workspace cannot be used: read-only, full, or made by a newer release."""


class UnavailableError(MlopsError):
    """An engine does not answer: MLflow, a server, a port."""


def did_you_mean(word: str, known: Iterable[str], limit: int = 3) -> str:
    """Return ``did you mean a or b?`` for the known names nearest to `word`, else all of them, else nothing.

    Examples
    --------
    >>> did_you_mean("chrn", ["churn", "delay"])
    'did you mean churn?'
    >>> did_you_mean("zzz", ["churn", "delay"])
    'known: churn, delay'
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=limit, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"known: {shown}" if names else ""
