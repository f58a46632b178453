"""Argo's retry expressions, as far as ours goes: the part of https://expr-lang.org that we use.

Operators: || && !( ) == != in `not in` < <= > >= matches. Values: asInt(…), lastRetry.NAME, lists,
numbers, strings. Everything else is refused, since a check that guesses proves nothing.
"""

import ast
import operator
import re
from collections.abc import Mapping
from typing import Any

from wordbrush.errors import WordbrushError

# Strings stay as they are. Python has no `matches`; its operator @ binds more tightly than `and`.
TOKEN = re.compile(r"""'[^']*'|"[^"]*"|\|\||&&|!(?=\s*\()|\bmatches\b""")
IN_PYTHON = {"||": " or ", "&&": " and ", "!": " not ", "matches": " @ "}
COMPARED = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


def holds(expression: str, last_retry: Mapping[str, str]) -> bool:
    """Whether an expression is true of an attempt: its exitCode, status and message.

    Raises WordbrushError: it uses something that this evaluator lacks, or is not a truth value.
    """
    text = TOKEN.sub(lambda token: IN_PYTHON.get(token[0], token[0]), expression)
    try:
        value = _value(ast.parse(f"({text})", mode="eval").body, last_retry)
    except (SyntaxError, ValueError, TypeError, LookupError, re.error):
        raise WordbrushError(f"the expression {expression!r} cannot be evaluated.") from None
    if not isinstance(value, bool):
        raise WordbrushError(f"the expression {expression!r} is not true or false.")
    return value


def _value(node: ast.expr, last_retry: Mapping[str, str]) -> Any:
    """The value of a part. Raises ValueError: it is of a kind that we do not use."""

    def of(inner: ast.expr) -> Any:
        return _value(inner, last_retry)

    match node:
        case ast.Constant(value):
            return value
        case ast.List(items):
            return [of(item) for item in items]
        case ast.Attribute(ast.Name("lastRetry"), name):
            return last_retry[name]
        case ast.Call(ast.Name("asInt"), [argument], []):
            return int(of(argument))
        case ast.BoolOp(ast.And(), parts):
            return all(of(part) for part in parts)
        case ast.BoolOp(ast.Or(), parts):
            return any(of(part) for part in parts)
        case ast.UnaryOp(ast.Not(), part):
            return not of(part)
        case ast.UnaryOp(ast.USub(), ast.Constant(int(number))):
            return -number
        case ast.BinOp(text, ast.MatMult(), pattern):
            return re.search(of(pattern), of(text)) is not None
        case ast.Compare(left, [sign], [right]):
            return COMPARED[type(sign)](of(left), of(right))
    raise ValueError(ast.unparse(node))
