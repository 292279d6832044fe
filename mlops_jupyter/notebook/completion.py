"""Tab completion inside ``%mlops`` lines, as a matcher of IPython's second API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.completer import context_matcher

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult


@context_matcher()
def complete(context: CompletionContext) -> SimpleMatcherResult:
    """Return what can follow."""
    return {"completions": []}
