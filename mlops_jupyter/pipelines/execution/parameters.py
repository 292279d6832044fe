"""How parameters stand in the cell that papermill injects; imported with papermill."""

from __future__ import annotations

from typing import Any

from papermill.translators import PythonTranslator


class PlainPython(PythonTranslator):
    """Writes what Python reads back as it was: papermill's own makes every key of a mapping a text.

    It does not go through black, which takes longer than the step where it is installed.
    """

    @classmethod
    def translate_str(cls, val: str) -> str:
        """Return the literal of a text, in its own letters."""
        return repr(val)

    @classmethod
    def translate_dict(cls, val: dict[Any, Any]) -> str:
        """Return the literal of a mapping, its keys of their own types."""
        inner = ", ".join(f"{cls.translate(key)}: {cls.translate(value)}" for key, value in val.items())
        return f"{{{inner}}}"

    @classmethod
    def codify(cls, parameters: dict[str, Any], comment: str = "Parameters") -> str:
        """Return the source of the cell."""
        lines = [cls.assign(name, cls.translate(value)) for name, value in parameters.items()]
        return "\n".join([cls.comment(comment), *lines])
