"""Expressions as people write them, read into conditions.

They are Python's, of which only comparisons of columns and what joins them is let through, and nothing is
ever evaluated. What Python does not know, names in backticks and ``between``, is replaced by something of the
same length before Python reads it, so that columns stay what they are.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Final

from .conditions import Column, IsMissing, IsTrue, Joined, Opposite, WrongAt, compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .conditions import Condition, Scalar, Sign

HOW: Final = "write it as origin == 'JFK' and distance > 500"
_LONGEST: Final = 10_000
_FROM: Final = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""  # in which nothing is replaced
    r"|`(?P<name>[^`]+)`"
    r"|(?<![\w.])(?P<without>not\s+between)(?![\w(])"
    r"|(?<![\w.])(?P<between>between)(?![\w(])",
)
_QUOTED: Final = (
    "\u01c1"  # begins the names that stand for those in backticks: a letter no column begins with
)
_SIGNS: Final[dict[type, Sign]] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_NOTHING: Final = ("missing", "null", "nan", "NaN", "NA")
_INSTEAD: Final = (
    ("&&", "write and"), ("||", "write or"), ("AND", "write and"), ("OR", "write or"), ("NOT", "write not"),
    ("<>", "write !="), ("===", "write =="), ("=", "write == for equal"), ("!", "write not"),
)  # fmt: skip

_REFUSED: Final = (
    (ast.BinOp, "nothing is calculated here", "compare columns with values"),
    (ast.Call, "nothing is called here", "write distance between 100 and 500, or origin in ('JFK', 'LGA')"),
    (ast.Subscript, "nothing is looked up here", "write a column's name, in backticks if need be"),
    (ast.Lambda | ast.IfExp | ast.NamedExpr | ast.JoinedStr, "Python is not evaluated here", HOW),
    (ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, "Python is not evaluated here", HOW),
    (ast.Constant, "a value alone is no condition", HOW),
    (ast.Tuple | ast.List | ast.Set, "several values stand only behind in", "write origin in ('JFK', 'LGA')"),
    (
        ast.Compare | ast.BoolOp,
        "a condition stands where a value is wanted",
        "put it in parentheses, or write and",
    ),
)


def _joins(*nodes: ast.expr) -> bool:
    """Return whether & and | stand between conditions in parentheses, as pandas has them."""
    joining = (ast.BitAnd, ast.BitOr, ast.Invert)
    return all(
        isinstance(node, ast.Compare | ast.BoolOp | ast.Name | ast.Attribute)
        or isinstance(getattr(node, "op", None), (*joining, ast.Not))
        for node in nodes
    )


def _is_between(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult | ast.Mod)


def read_condition(text: str) -> Condition:
    """Return the condition that somebody wrote: see `slices.parse_slice`.

    Raises
    ------
    WrongAt
        When it is none.
    """
    if len(text) > _LONGEST:
        raise WrongAt(f"it is longer than {_LONGEST:,} characters", _LONGEST)
    if "\0" in text:
        raise WrongAt("it has a null character", text.index("\0") + 1)
    try:
        return _Reader(text).condition()
    except RecursionError:
        raise WrongAt("it is nested too deeply", 1) from None


class _Reader:
    """Turns Python's expression into conditions; everything else is refused with its column."""

    def __init__(self, text: str) -> None:
        self._quoted: dict[str, str] = {}
        blank = re.sub(r"\s", " ", text)
        self._skipped = len(blank) - len(blank.lstrip())
        self._python = _FROM.sub(self._stand_in, blank.strip())

    def condition(self) -> Condition:
        return self._condition(self._parsed())

    def _parsed(self) -> ast.expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in texts, which are the user's to write
                return ast.parse(self._python, mode="eval").body
        except SyntaxError as wrong:
            at = min(wrong.offset or len(self._python), len(self._python))  # 0 is its end
            raise self._wrong(at, *self._syntax(at, wrong.msg)) from None
        except MemoryError:
            raise self._wrong(1, "it is nested too deeply") from None

    def _stand_in(self, found: re.Match[str]) -> str:
        """Return what Python reads in place of what it does not know, of the same length."""
        length = len(found[0])
        if found["text"] is not None:
            return found[0]
        if found["name"] is not None:
            name = f"{_QUOTED}{len(self._quoted):x}".ljust(length, "_")
            self._quoted[name] = found["name"]
            return name
        return ("@" if found["between"] else "%").ljust(length)

    def _syntax(self, at: int, message: str) -> tuple[str, str]:
        if "instead of '='" in message:
            return "= compares nothing", "write == for equal"
        starts = (
            self._python[max(0, at - 2) :],
            self._python[at - 1 :].lstrip(),
        )  # Python may point behind it
        hints = (
            hint
            for sign, hint in _INSTEAD
            if starts[len(sign) == 1].startswith(sign) or starts[1].startswith(sign)
        )
        return message.partition(".")[0].replace("f-string: ", ""), next(hints, "")

    def _condition(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(ast.And(), parts):
                return self._all(parts)
            case ast.BoolOp(ast.Or(), parts):
                return Joined("or", tuple(map(self._condition, parts)))
            case ast.BinOp(left, ast.BitAnd() | ast.BitOr() as sign, right) if _joins(left, right):
                return Joined(
                    "and" if isinstance(sign, ast.BitAnd) else "or",
                    (self._condition(left), self._condition(right)),
                )
            case ast.UnaryOp(ast.Not(), part):
                return Opposite(self._condition(part))
            case ast.UnaryOp(ast.Invert(), part) if _joins(part):
                return Opposite(self._condition(part))
            case ast.Compare(left, signs, others):
                return self._compared([left, *others], signs)
            case ast.Name() | ast.Attribute():
                return IsTrue(self._column(node))
        raise self._unsupported(node)

    def _all(self, parts: Sequence[ast.expr]) -> Condition:
        """Return several conditions; what follows ``between 1`` is its end."""
        found, waiting = [], list(parts)
        while waiting:
            part = waiting.pop(0)
            negations = 0
            inner = part
            while isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
                inner, negations = inner.operand, negations + 1
            if isinstance(inner, ast.BinOp) and _is_between(inner) and waiting:
                condition = self._between(inner, waiting.pop(0))
                found.append(Opposite(condition) if negations % 2 else condition)
            else:
                found.append(self._condition(part))
        return found[0] if len(found) == 1 else Joined("and", tuple(found))

    def _between(self, node: ast.BinOp, end: ast.expr) -> Condition:
        column = self._operand(node.left)
        both = Joined("and", (
            self._comparison(column, ">=", self._operand(node.right), node),
            self._comparison(column, "<=", self._operand(end), node),
        ))  # fmt: skip
        return both if isinstance(node.op, ast.MatMult) else Opposite(both)

    def _compared(self, sides: list[ast.expr], signs: list[ast.cmpop]) -> Condition:
        found = tuple(
            self._pair(left, sign, right)
            for left, sign, right in zip(sides[:-1], signs, sides[1:], strict=True)
        )
        return found[0] if len(found) == 1 else Joined("and", found)

    def _pair(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Condition:
        match sign:
            case ast.Is() | ast.IsNot():
                missing = self._missing(left, right)
                return missing if isinstance(sign, ast.Is) else Opposite(missing)
            case ast.In() | ast.NotIn():
                among = self._among(left, right)
                return among if isinstance(sign, ast.In) else Opposite(among)
        return self._comparison(self._operand(left), _SIGNS[type(sign)], self._operand(right), left)

    def _comparison(
        self, left: Column | Scalar, sign: Sign, right: Column | Scalar, node: ast.expr
    ) -> Condition:
        if not isinstance(left, Column) and not isinstance(right, Column):
            raise self._wrong(self._at(node), f"{left!r} {sign} {right!r} looks at no column")
        return compare(left, sign, right)

    def _missing(self, left: ast.expr, right: ast.expr) -> Condition:
        word = right.id if isinstance(right, ast.Name) else getattr(right, "value", "")
        if word is not None and word not in _NOTHING:
            raise self._wrong(
                self._at(right), "is asks whether a value is missing", "write is missing, or =="
            )
        return IsMissing(self._column(left))

    def _among(self, left: ast.expr, right: ast.expr) -> Condition:
        if not isinstance(right, ast.Tuple | ast.List | ast.Set):
            hint = "write in ('JFK', 'LGA')"
            raise self._wrong(self._at(right), "in needs several values in parentheses", hint)
        column = self._column(left)
        parts = tuple(self._comparison(column, "==", self._value(each), each) for each in right.elts)
        if not parts:
            raise self._wrong(self._at(right), "there is nothing in the parentheses")
        return parts[0] if len(parts) == 1 else Joined("or", parts)

    def _operand(self, node: ast.expr) -> Column | Scalar:
        return self._column(node) if isinstance(node, ast.Name | ast.Attribute) else self._value(node)

    def _column(self, node: ast.expr) -> Column:
        match node:
            case ast.Name(name):
                return Column(self._quoted.get(name, name), self._at(node) + self._skipped)
            case ast.Attribute(ast.Name() | ast.Attribute() as left, name):
                return Column(f"{self._column(left).name}.{name}", self._at(node) + self._skipped)
        raise self._unsupported(node, "a column's name is wanted here")

    def _value(self, node: ast.expr) -> Scalar:
        match node:
            case ast.Constant(bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)) if not isinstance(
                value, bool
            ):
                return -value
            case ast.UnaryOp(ast.UAdd(), ast.Constant(int() | float() as value)) if not isinstance(
                value, bool
            ):
                return value
            case ast.Constant(None):
                raise self._wrong(self._at(node), "nothing is equal to None", "write is missing")
        raise self._unsupported(node)

    def _unsupported(self, node: ast.expr, why: str = "it makes no condition") -> WrongAt:
        if _is_between(node):
            return self._wrong(self._at(node), "between needs two values", "write between 100 and 500")
        for kinds, reason, hint in _REFUSED:
            if isinstance(node, kinds):
                return self._wrong(self._at(node), reason, hint)
        return self._wrong(self._at(node), why)

    def _at(self, node: ast.expr) -> int:
        """Return where something is written, from 1, in what Python reads."""
        return len(self._python.encode()[: node.col_offset].decode()) + 1

    def _wrong(self, at: int, why: str, hint: str = "") -> WrongAt:
        return WrongAt(why, at + self._skipped, hint or HOW)
