"""What in a notebook's code may give something else each time: chance without a seed, clocks, orders."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mlops_jupyter.pipelines.definition.sources import dotted, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEEDED_BY: Final = frozenset({"seed", "random_state", "rng", "generator", "seeds"})
SETS_A_SEED: Final = re.compile(r"(^|\.)(seed|set_seed|manual_seed|seed_everything|set_random_seed)$")
GENERATORS: Final = re.compile(r"(^|\.)(default_rng|RandomState|Random|Generator|PCG64|SeedSequence)$")
RANDOM: Final = re.compile(
    r"^(random|np\.random|numpy\.random|torch)\.(random|rand|randn|randint|randrange|choice|choices|sample|shuffle"
    r"|permutation|uniform|normal|gauss|standard_normal|integers|poisson|binomial|exponential|randperm)$"
    r"|(^|\.)(train_test_split|sample|shuffle|resample|RandomForest\w+|ExtraTrees\w+|MLP\w+|SGD\w+|KMeans"
    r"|MiniBatchKMeans|RandomizedSearchCV|ShuffleSplit|StratifiedShuffleSplit|IsolationForest|TSNE|UMAP"
    r"|HistGradientBoosting\w+|GradientBoosting\w+|Bagging\w+|DecisionTree\w+)$"
)
NEVER_SEEDED: Final = re.compile(
    r"(^|\.)(uuid1|uuid4|urandom|token_hex|token_bytes|token_urlsafe|SystemRandom)$"
)
CLOCK: Final = re.compile(
    r"(^|\.)(utcnow|today|perf_counter|monotonic|time_ns|process_time|localtime|gmtime|ctime)$"
    r"|(datetime|Timestamp|pd|date)\.now$|^time\.(time|strftime)$|^time$"
)
LISTINGS: Final = re.compile(r"(^|\.)(glob|rglob|iglob|iterdir|listdir|scandir|walk)$")
PROCESS: Final = re.compile(r"(^|\.)(getpid|gethostname|current_process)$|^id$")
ORDERED_BY: Final = frozenset({"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset"})


@dataclass(frozen=True)
class Suspect:
    """A piece of code that may give something else each time.

    Parameters
    ----------
    cell : int
        The cell, by its number in what was looked at.
    kind : str
        ``random``, ``clock``, ``order of sets``, ``order of files`` or ``process``.
    line : str
        The code.
    """

    cell: int
    kind: str
    line: str

    @property
    def words(self) -> str:
        """What it is, and what helps."""
        return f"{REASONS[self.kind]}: {self.line}"


REASONS: Final = {
    "random": "random without a seed",
    "clock": "it reads the clock",
    "order of sets": "the order of a set, which another hash seed changes",
    "order of files": "files in no sure order, where sorted(…) would give one",
    "process": "it reads what is the process's own",
}


def suspects(cells: Iterable[tuple[int, str]]) -> list[Suspect]:
    """Return the suspects in numbered cells, in the order of the code.

    Examples
    --------
    >>> [found.kind for found in suspects([(1, "x = random.random()"), (2, "for a in {1, 2}: f(a)")])]
    ['random', 'order of sets']
    >>> suspects([(1, "random.seed(1)"), (2, "x = random.random()"), (3, "files = sorted(folder.glob('*'))")])
    []
    """
    found: list[Suspect] = []
    seeded, sets = False, set[str]()
    for number, source in cells:
        tree = tree_of(source)
        if tree is None:
            continue
        seeded = seeded or any(SETS_A_SEED.search(name) and call.args for name, call in _calls(tree))
        sets |= _names_of_sets(tree)
        found += [Suspect(number, kind, _line(node)) for kind, node in _in_tree(tree, seeded, sets)]
    return found


def _line(node: ast.AST) -> str:
    said = ast.unparse(node).split("\n")[0]
    return said if len(said) <= 80 else f"{said[:79]}…"


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func) or _last(node.func), node


def _last(func: ast.expr) -> str:
    return f".{func.attr}" if isinstance(func, ast.Attribute) else ""


def _in_tree(tree: ast.Module, seeded: bool, sets: set[str]) -> list[tuple[str, ast.AST]]:
    made: list[tuple[str, ast.AST]] = [
        (kind, node) for name, node in _calls(tree) if (kind := _kind(name, node, seeded))
    ]
    calm = _put_in_order(tree)
    made = [(kind, node) for kind, node in made if kind != "order of files" or id(node) not in calm]
    made += [("order of sets", node) for node in _sets_gone_through(tree, sets) if id(node) not in calm]
    return sorted(made, key=lambda found: (found[1].lineno, found[1].col_offset))  # type: ignore[attr-defined]


def _kind(name: str, call: ast.Call, seeded: bool) -> str:
    if NEVER_SEEDED.search(name):
        return "random"
    if GENERATORS.search(name):
        return "" if call.args or _is_seeded(call) else "random"
    if RANDOM.search(name):
        return "" if seeded or _is_seeded(call) else "random"
    if CLOCK.search(name):
        return "clock"
    if LISTINGS.search(name):
        return "order of files"
    return "process" if PROCESS.search(name) else "order of sets" if name == "hash" else ""


def _is_seeded(call: ast.Call) -> bool:
    return any(
        word.arg in SEEDED_BY and not (isinstance(word.value, ast.Constant) and word.value.value is None)
        for word in call.keywords
    )


def _put_in_order(tree: ast.AST) -> set[int]:
    """Return what stands within ``sorted(…)`` or the like, where no order counts."""
    calm = [node for name, node in _calls(tree) if name in ORDERED_BY]
    return {id(inner) for node in calm for argument in node.args for inner in ast.walk(argument)}


def _sets_gone_through(tree: ast.AST, sets: set[str]) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter, sets):
            yield node.iter
        elif isinstance(node, ast.Call) and (
            dotted(node.func) in {"list", "tuple"} or _last(node.func) == ".join"
        ):
            yield from (argument for argument in node.args[:1] if _is_set(argument, sets))


def _names_of_sets(tree: ast.AST) -> set[str]:
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_set(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _is_set(node: ast.expr, sets: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in sets
    called = isinstance(node, ast.Call) and dotted(node.func) in {"set", "frozenset"}
    return called or isinstance(node, ast.Set | ast.SetComp)
