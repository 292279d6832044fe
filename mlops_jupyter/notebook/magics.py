"""``%mlops`` and ``%%mlops``: the words of a line become the call of a verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Int, TraitType, Unicode, observe

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.notebook.cells import tracked_cell
from mlops_jupyter.notebook.namespace import NotebookFace
from mlops_jupyter.store import settings
from mlops_jupyter.verbs import command_line, table
from mlops_jupyter.verbs.types import Cell
from mlops_jupyter.verbs.words import Word, read_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@magics_class
class MlopsMagics(Magics):
    """The settings of the magic: ``%config MlopsMagics.port = 8080``. None means not set here."""

    tracking_uri: TraitType[Any, Any] = Unicode(None, allow_none=True, help="MLflow's address").tag(
        config=True
    )
    host: TraitType[Any, Any] = Unicode(None, allow_none=True, help="The address to bind").tag(config=True)
    port: TraitType[Any, Any] = Int(None, allow_none=True, help="The port of a deployment").tag(config=True)
    workers: TraitType[Any, Any] = Int(None, allow_none=True, help="Processes of a deployment").tag(
        config=True
    )

    @observe(*settings.NAMES)
    def _configure(self, change: Mapping[str, Any]) -> None:
        settings.configure(**{change["name"]: change["new"]})

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def mlops(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Run one verb; its help is the command table's."""
        face = NotebookFace({**self.shell.user_ns, **(local_ns or {})}, self.shell.user_ns)
        line, muted = _without_semicolon(line)
        words, bound_to = _without_output(read_line(line, face.evaluate))
        if cell is not None and words and words[0].text == "step":
            return self._run_step(words, face, cell)
        if cell is not None:
            words = _with_cell(words, lambda: Word("cell", tracked_cell(self.shell, cell)))
        result = command_line.run(words, face)
        if bound_to:
            self.shell.user_ns[bound_to] = result
        return None if muted else result

    def _run_step(self, words: list[Word], face: NotebookFace, cell: str) -> None:
        """Declare a step where no cell was typed, in a notebook saved as a script, and run the rest."""
        script = tracked_cell(self.shell, cell)
        command_line.run(words, face)
        if script.run:
            script.run()


def _help() -> str:
    """Return what ``%mlops?`` shows; made when asked, so that loading reads no verb."""
    from mlops_jupyter.verbs.help import help_for_all

    return str(help_for_all())


MlopsMagics.mlops.getdoc = _help


def _without_semicolon(line: str) -> tuple[str, bool]:
    bare = line.rstrip()
    return (bare[:-1], True) if bare.endswith(";") else (line, False)


def _without_output(words: list[Word]) -> tuple[list[Word], str]:
    """Take ``-o NAME`` out of the words: it belongs to the magic and not to a verb."""
    places = [i for i, word in enumerate(words) if word.option and word.text == "-o"]
    if not places:
        return words, ""
    name = words[places[0] + 1].text if places[0] + 1 < len(words) else ""
    if not name.isidentifier():
        raise UsageError("-o wants the name of a variable", f"{name!r} is none" if name else "")
    return [*words[: places[0]], *words[places[0] + 2 :]], name


def _with_cell(words: list[Word], cell: Callable[[], Word]) -> list[Word]:
    """Put the cell's body where the verb takes it."""
    if not words:
        raise UsageError("%%mlops needs a verb", hint="to track this cell: %%mlops track")
    verb, rest = command_line.verb_of(words)
    taken = [p for p in table.command(verb).parameters if p.kind is Cell]
    if not taken:
        near = did_you_mean(verb, ["track"])
        hint = f"write %mlops {verb} on a line of its own" if not near.startswith("did") else near
        raise UsageError(f"%%mlops {verb} takes no cell", hint=hint)
    return [*words[: len(words) - len(rest)], cell(), *rest]
