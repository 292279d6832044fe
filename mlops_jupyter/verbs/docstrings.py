"""The parts of a NumPy docstring that help is made of."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_HEADING = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)
_ENTRY = re.compile(r"^(?P<names>[*\w][\w*, ]*?)(\s*:.*)?$")


@dataclass(frozen=True)
class Docstring:
    """A docstring in parts: one line, the prose under it, a text for each parameter, the other sections."""

    summary: str = ""
    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    sections: dict[str, str] = field(default_factory=dict)


def read_docstring(text: str | None) -> Docstring:
    r"""Return the parts of a NumPy docstring.

    Examples
    --------
    >>> doc = read_docstring('Put it live.\n\nParameters\n----------\nmodel : str\n    Which one.')
    >>> doc.summary, doc.parameters
    ('Put it live.', {'model': 'Which one.'})
    """
    cleaned = inspect.cleandoc(text or "")
    parts = _HEADING.split(cleaned)
    summary, _, description = parts[0].strip().partition("\n\n")
    sections = {name: body.strip("\n") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    paragraphs = "\n\n".join(map(_flowing, description.split("\n\n")))
    return Docstring(_flowing(summary), paragraphs, _entries(sections.get("Parameters", "")), sections)


def _entries(section: str) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in section.splitlines():
        heading = _ENTRY.match(line)
        if heading and not line.startswith(" "):
            current = []
            texts |= {name.strip(" *"): current for name in heading["names"].split(",")}
        else:
            current.append(line.strip())
    return {name: _flowing("\n".join(lines)) for name, lines in texts.items()}


def _flowing(text: str) -> str:
    """Return text as one paragraph, without the backquotes and roles of reStructuredText."""
    return re.sub(r"`{1,2}([^`]+)`{1,2}", r"\1", " ".join(text.split()))
