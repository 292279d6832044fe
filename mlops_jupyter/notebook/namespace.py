"""The notebook's variables as the arguments of verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import NotFoundError, did_you_mean
from mlops_jupyter.verbs import sources
from mlops_jupyter.verbs.types import DataSource, Model
from mlops_jupyter.verbs.words import NOTHING, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Recognised by module and name, so that looking at a variable imports nothing.
_FRAMES: Final = ("pandas", "polars", "numpy", "scipy", "pyarrow")


@dataclass(frozen=True)
class NotebookFace:
    """Resolves what was written in the notebook's namespace, then as an address or file.

    Parameters
    ----------
    variables : mapping
        What a name can mean here: the notebook's variables, over them those of the calling function.
    space : mapping
        The globals that ``{expr}`` is evaluated in.
    """

    variables: Mapping[str, Any]
    space: dict[str, Any]

    def evaluate(self, source: str) -> Any:
        """Return the value of the Python between braces."""
        return eval(compile(source, "<%mlops>", "eval"), self.space, dict(self.variables))

    def resolve(self, kind: type, word: Word) -> Any:
        """Return the variable, dotted path, address or file that a word names."""
        found = self.variable(word)
        if found is not NOTHING:
            return found
        written = sources.is_source(word.text) or (kind is DataSource and sources.is_time(word.text))
        if written and not self._is_path_of_variable(word.text):
            return sources.open_source(kind, word.text)
        raise NotFoundError(f"no variable named {word.text}", hint=self._nearest(kind, word.text))

    def variable(self, word: Word) -> Any:
        """Return what a name or dotted path stands for, or `NOTHING`."""
        name, *path = word.text.split(".")
        value = self.variables.get(name, NOTHING)
        for attribute in path:
            if value is NOTHING:
                return NOTHING
            value = _attribute(value, attribute, word.text)
        return value

    def run_behind(self, word: Word) -> str | None:
        """Return the latest tracked run whose cell names the variable."""
        from mlops_jupyter.verbs.tracking import last_run

        name = (word.source or word.text).split(".")[0]
        return last_run(name, self.variables[name]) if name in self.variables else None

    def _is_path_of_variable(self, text: str) -> bool:
        return text.split(".", maxsplit=1)[0] in self.variables

    def _nearest(self, kind: type, text: str) -> str:
        fitting = dict(fitting_variables(kind, self.variables))
        shown = did_you_mean(text, fitting or [n for n in self.variables if not n.startswith("_")])
        return shown if fitting or shown.startswith("did") else ""


def fitting_variables(kind: type, variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the variables that look like a fitted model, or like data, for completion and did-you-mean."""
    fits = _looks_fitted if kind is Model else _looks_like_data
    for name, value in list(variables.items()):
        if not name.startswith("_") and not isinstance(value, type) and fits(value):
            yield name, value


def _looks_fitted(value: Any) -> bool:
    """Return whether scikit-learn's mark of a fitted estimator is there; no method of it is called."""
    if not callable(getattr(type(value), "predict", None)):
        return False
    attributes = getattr(value, "__dict__", {})
    own = any(name.endswith("_") and not name.startswith("_") for name in attributes)
    steps = attributes.get("steps") or ()
    return own or any(_looks_fitted_step(step[-1]) for step in steps) or not hasattr(value, "get_params")


def _looks_fitted_step(step: Any) -> bool:
    return any(name.endswith("_") and not name.startswith("_") for name in getattr(step, "__dict__", {}))


def _looks_like_data(value: Any) -> bool:
    module = type(value).__module__.split(".")[0]
    return module in _FRAMES and hasattr(value, "shape")


def _attribute(value: Any, name: str, whole: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        public = [n for n in dir(value) if not n.startswith("_")]
        near = did_you_mean(name, public)
        hint = near if near.startswith("did") else ""
        raise NotFoundError(f"{whole}: {type(value).__name__} has no {name}", hint=hint) from None
