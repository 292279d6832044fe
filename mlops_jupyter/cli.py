"""The shell's face: ``mlops deploy churn --version 1.2.0``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter._version import __version__
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.verbs import command_line, sources
from mlops_jupyter.verbs.results import Result
from mlops_jupyter.verbs.words import NOTHING, Word, read_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


@dataclass(frozen=True)
class ShellFace:
    """Resolves what was written by address and file: a shell has no variables."""

    def resolve(self, kind: type, word: Word) -> Any:
        """Return the model, data or cell at an address or file."""
        return sources.open_source(kind, word.text)

    def variable(self, word: Word) -> Any:  # noqa: ARG002
        """Return nothing: a shell has no variables."""
        return NOTHING

    def run_behind(self, word: Word) -> None:  # noqa: ARG002
        """Return nothing: no cell was tracked here."""
        return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and print its result; return 0, or 1 for a failure, or 2 for words that are wrong."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except MlopsError as error:
        print(f"mlops: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("mlops: interrupted; it is safe to run it again", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"mlops_jupyter {__version__}")
        return 0
    as_json = "--json" in arguments
    words = read_arguments([argument for argument in arguments if argument != "--json"])
    answer = command_line.run(words, ShellFace())
    if answer is not None:
        print(_as_json(answer) if as_json else answer)
    sys.stdout.flush()
    return 0


def _as_json(answer: Any) -> str:
    value = answer.to_dict() if isinstance(answer, Result) else answer
    return json.dumps(value, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    """Return what JSON can hold for a frame, a NumPy value or anything else."""
    if hasattr(value, "to_dict"):
        return value.to_dict("records")
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
