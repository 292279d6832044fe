"""The one reader of command lines: the words of a magic or a shell become the call of a verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Protocol

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.verbs import calls, table
from mlops_jupyter.verbs.types import Assignments, Model, Target
from mlops_jupyter.verbs.words import NOTHING, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlops_jupyter.verbs.table import Command, Parameter

HELP: Final = ("--help", "-h")


class Face(Protocol):
    """What differs between the faces: how a written word becomes an object."""

    def resolve(self, kind: type, word: Word) -> Any:
        """Return the model, data or cell that a word names."""

    def variable(self, word: Word) -> Any:
        """Return the variable a word names, or `NOTHING`."""

    def run_behind(self, word: Word) -> str | None:
        """Return the tracked run in which the variable was made, if the face knows it."""


@dataclass(frozen=True)
class Sentence:
    """A command line taken apart: which verb, and the words given for each parameter."""

    command: Command
    given: dict[str, list[Word]]
    help: bool = False


def run(words: Sequence[Word], face: Face) -> Any:
    """Call the verb that a line of words names; return its result, or its help as a result.

    Raises
    ------
    UsageError
        If a word is not known, missing or of the wrong kind; nothing has been tried then.
    """
    from mlops_jupyter.verbs.help import help_for, help_for_all, help_for_group

    if not words:
        return table.command("overview").function()
    if _asks_for_help(words[0]):
        return help_for_all()
    if words[0].text in table.GROUPS and (len(words) == 1 or _asks_for_help(words[1])):
        return help_for_group(words[0].text)
    name, rest = verb_of(words)
    sentence = parse(table.command(name), rest)
    if sentence.help:
        return help_for(sentence.command)
    return call(sentence, face)


def verb_of(words: Sequence[Word]) -> tuple[str, Sequence[Word]]:
    """Return the verb that a line begins with, of one word or two, and the words behind it."""
    if words[0].text in table.GROUPS and len(words) > 1:
        return f"{words[0].text} {words[1].text}", words[2:]
    return words[0].text, words[1:]


def _asks_for_help(word: Word) -> bool:
    return word.option and word.text in HELP


def parse(command: Command, words: Sequence[Word]) -> Sentence:
    """Take the words behind a verb apart without resolving anything.

    Examples
    --------
    >>> from mlops_jupyter.verbs.words import read_arguments
    >>> parse(table.command("audit"), read_arguments(["--limit", "5"])).given["limit"][0].text
    '5'
    """
    if any(word.option and word.text in HELP for word in words):
        return Sentence(command, {}, help=True)
    given: dict[str, list[Word]] = {}
    loose: list[Word] = []
    rest = iter(words)
    into = loose
    for word in rest:
        if word.option and word.text == "--":
            loose += [Word(w.text, w.value, w.source) for w in rest]
        elif word.option:
            parameter = _option(command, word)
            taken = given.setdefault(parameter.name, [])
            taken.append(_option_value(command, parameter, word, rest))
            # where no word stands alone, those behind a list's first are of the list
            into = taken if parameter.many and not command.positional else loose
        else:
            into.append(word)
    return Sentence(command, _placed(command, loose, given))


def call(sentence: Sentence, face: Face) -> Any:
    """Resolve and convert every word, then call the verb."""
    command, given = sentence.command, sentence.given
    missing = [p for p in command.parameters if p.required and p.name not in given]
    if missing:
        raise UsageError(f"{command.name} needs {_listed(missing)}", hint=f"see: {command.name} --help")
    ordered = sorted(command.parameters, key=lambda p: p.kind is Target)
    values: dict[str, Any] = {}
    for parameter in ordered:
        if parameter.name in given:
            values[parameter.name] = _value(parameter, given[parameter.name], face, values)
    _link_run(command, given, values, face)
    with calls.written_as(_written(command, given, values)):
        return command.function(**values)


def _option(command: Command, word: Word) -> Parameter:
    parameter = command.option(word.text.removeprefix("--"))
    if parameter is None and word.text.startswith("--no-"):
        parameter = command.option(word.text.removeprefix("--no-"))
        parameter = parameter if parameter and parameter.flag else None
    if parameter is None:
        known = [f"--{p.word}" for p in command.parameters if not (p.positional and p.required)]
        raise UsageError(f"{command.name} has no option {word.text}", hint=did_you_mean(word.text, known))
    return parameter


def _option_value(command: Command, parameter: Parameter, word: Word, rest: Iterable[Word]) -> Word:
    if parameter.flag and not word.attached:
        return Word(str(not word.text.startswith("--no-")))
    value = next(iter(rest), None)
    if value is None or (value.option and not word.attached):
        raise UsageError(f"{word.text} needs a value", hint=f"see: {command.name} --help")
    return value


def _placed(command: Command, loose: list[Word], given: dict[str, list[Word]]) -> dict[str, list[Word]]:
    """Return the words of each parameter, those without a name put in their places."""
    places = [p for p in command.positional if p.name not in given]
    placed = dict(given)
    for parameter in places:
        if loose:
            taken = len(loose) if parameter.many else 1
            placed[parameter.name], loose = loose[:taken], loose[taken:]
    if loose:
        takes = (
            f"{command.name} takes {_listed(command.positional)}" if command.positional else "it takes none"
        )
        raise UsageError(f"{command.name} does not know what to do with {loose[0].text!r}", hint=takes)
    return placed


def _listed(parameters: Iterable[Parameter]) -> str:
    return ", ".join(p.word.upper() if p.positional else f"--{p.word}" for p in parameters)


def _value(parameter: Parameter, words: list[Word], face: Face, values: Mapping[str, Any]) -> Any:
    if parameter.kind is Assignments:
        return _assigned(parameter, words)
    if parameter.many:
        parts = [part for word in words for part in _items(word)]
        return [_one(parameter, part, face, values) for part in parts]
    if len(words) > 1:
        raise UsageError(f"--{parameter.word} is given {len(words)} times", hint="once is enough")
    return _one(parameter, words[0], face, values)


def _assigned(parameter: Parameter, words: list[Word]) -> dict[str, Any]:
    """Return the values of ``name=value``, as text; a mapping in braces is taken as it is."""
    values: dict[str, Any] = {}
    for word in words:
        given = word.value if isinstance(word.value, Mapping) else dict([_assignment(parameter, word)])
        twice = next((name for name in given if name in values), None)
        if twice is not None:
            raise UsageError(f"--{parameter.word} {twice} is given twice", hint="once is enough")
        values.update(given)
    return values


def _assignment(parameter: Parameter, word: Word) -> tuple[str, str]:
    name, equals, value = word.text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"--{parameter.word} wants name=value, not {word.text!r}")
    return name.strip(), value


def _items(word: Word) -> list[Word]:
    """Return the items of a repeatable option's word: a list in braces, or text with commas."""
    if isinstance(word.value, list | tuple):
        return [Word(str(item), item, "") for item in word.value]
    if word.value is not NOTHING:
        return [word]
    return [Word(part.strip()) for part in word.text.split(",") if part.strip()]


def _one(parameter: Parameter, word: Word, face: Face, values: Mapping[str, Any]) -> Any:
    if parameter.kind is Target:
        return _target(parameter, word, face, values)
    if parameter.live:
        return face.resolve(parameter.kind, word) if word.value is NOTHING else word.value
    return _converted(parameter, word)


def _converted(parameter: Parameter, word: Word) -> Any:
    text = word.text if word.value is NOTHING else str(word.value)
    if word.value is None:
        return None
    if parameter.choices and text not in parameter.choices:
        hint = did_you_mean(text, parameter.choices)
        raise UsageError(f"--{parameter.word} cannot be {text!r}", hint=hint)
    if parameter.flag:
        return _flag(parameter, text)
    try:
        return parameter.kind(text) if parameter.kind in (int, float) else text
    except ValueError:
        wanted = "a whole number" if parameter.kind is int else "a number"
        raise UsageError(f"--{parameter.word} wants {wanted}, not {text!r}") from None


def _flag(parameter: Parameter, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise UsageError(f"--{parameter.word} is a switch and takes no value, not {text!r}")
    return text.lower() == "true"


def _target(parameter: Parameter, word: Word, face: Face, values: Mapping[str, Any]) -> Any:
    """Return a column's name, or the values of a variable; a word that is both is refused."""
    if word.value is not NOTHING:
        return word.value
    beside = parameter.name.replace("target", "data")
    data = values.get(beside)
    columns = [str(column) for column in getattr(data, "columns", ())]
    variable = face.variable(word)
    if word.text in columns and variable is not NOTHING:
        raise UsageError(
            f"--{parameter.word} {word.text} is both a column of --{beside.replace('_', '-')} and a variable",
            hint=f"write {{{word.text}}} for the variable, or {{'{word.text}'}} for the column",
        )
    if word.text in columns:
        return word.text
    if variable is not NOTHING:
        return variable
    return _target_elsewhere(parameter, word, face, columns)


def _target_elsewhere(parameter: Parameter, word: Word, face: Face, columns: list[str]) -> Any:
    if "/" in word.text or "." in word.text:
        return face.resolve(Target, word)
    raise UsageError(
        f"--{parameter.word} {word.text!r} is neither a column of the data nor a variable",
        hint=did_you_mean(word.text, columns),
    )


def _link_run(command: Command, given: dict[str, list[Word]], values: dict[str, Any], face: Face) -> None:
    """Fill `run` with the tracked run in which the model's variable was made, unless it is given."""
    model = next((p for p in command.parameters if p.live and p.kind is Model), None)
    if command.option("run") and model and model.name in given and "run" not in given:
        behind = face.run_behind(given[model.name][0])
        if behind:
            values["run"] = behind


def _written(command: Command, given: Mapping[str, list[Word]], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the Python by which each live argument can be written."""
    live = [p for p in command.parameters if p.live and not p.many and p.name in given]
    return {
        p.name: given[p.name][0].source or given[p.name][0].text
        for p in live
        if not isinstance(values[p.name], str | PathLike)
    }
