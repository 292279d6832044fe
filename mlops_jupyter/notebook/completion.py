"""Tab completion inside ``%mlops`` lines, as a matcher of IPython's second API.

It answers in line, assignment and cell form, from the command table, the notebook's variables and one small
JSON file of names; it never waits for MLflow and never raises, for it runs under a Tab key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from IPython.core.completer import SimpleCompletion, context_matcher

from mlops_jupyter.notebook.suggestions import Line, suggest

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

IDENTIFIER: Final = "mlops"
_LINE: Final = re.compile(r"(?:^|=)\s*%%?mlops\s+(?P<rest>.*)$")


def make_matcher(shell: InteractiveShell) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return the matcher for a notebook's namespace."""

    @context_matcher(identifier=IDENTIFIER)
    def complete(context: CompletionContext) -> SimpleMatcherResult:
        try:
            return _matches(context.text_until_cursor, shell.user_ns)
        except Exception:  # noqa: BLE001 a Tab key must not show a traceback
            return {"completions": []}

    matcher: Callable[[CompletionContext], SimpleMatcherResult] = complete
    return matcher


def _matches(text: str, variables: dict[str, Any]) -> SimpleMatcherResult:
    found = _LINE.search(text)
    if found is None:
        return {"completions": []}
    line = Line.read(found["rest"])
    if line is None:
        return {"completions": []}
    completions = [SimpleCompletion(s.text, type=s.kind) for s in suggest(line, variables)]
    return {
        "completions": completions,
        "matched_fragment": line.fragment,
        "ordered": True,
        # Python's own completions make no sense here; files are among ours
        "suppress": True,
    }
