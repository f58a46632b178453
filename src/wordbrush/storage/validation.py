"""Data checked against a type, by pydantic.

What does not fit is named in one sentence, with field, value and what is allowed.
"""

import reprlib
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import Field, GetPydanticSchema, TypeAdapter, ValidationError
from pydantic_core.core_schema import literal_schema

from wordbrush.errors import REMAKE, FileFault, WordbrushError

T = TypeVar("T")
Finite = Annotated[float, Field(allow_inf_nan=False)]
Natural = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
NAMED = 3  # faults of one file; the others are counted
SHORT = reprlib.Repr()  # YAML can nest values without end, and repeat them in each other
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother, SHORT.maxlong = 3, 80, 80, 80
SHORT.maxlist = SHORT.maxdict = SHORT.maxtuple = SHORT.maxset = 12


def one_of(values: Iterable[str]) -> GetPydanticSchema:
    """For `Annotated[str, one_of(values)]`: a Literal whose values a type checker cannot know."""
    allowed = list(values)
    return GetPydanticSchema(lambda _type, _handler: literal_schema(allowed))


def validated(shape: type[T], data: Any, origin: str) -> T:
    """Plain data as `shape`. Raises WordbrushError, which names `origin` and every fault."""
    try:
        return _adapter(shape).validate_python(data)  # type: ignore[arg-type]
    except ValidationError as error:
        raise WordbrushError(f"{origin}: {'; '.join(map(_fault, error.errors()))}") from None


def validated_json(shape: type[T], text: bytes, origin: str, remedy: str = REMAKE) -> T:
    """JSON as `shape`.

    Raises FileFault, which names `origin`, the first faults, and what to do (`remedy`).
    """
    try:
        return _adapter(shape).validate_json(text, strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = error.errors()
        if faults[0]["type"] == "json_invalid":
            reason = faults[0]["ctx"]["error"]
            raise FileFault(f"{origin} is not readable JSON ({reason}).", remedy) from None
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        named = "; ".join(map(_fault, faults[:NAMED]))
        raise FileFault(f"{origin}: {named}{more}.", remedy) from None


@cache  # whose types do not know that a type is hashable
def _adapter(shape: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(shape)


def _fault(fault: Any) -> str:
    field = ".".join(str(part) for part in fault["loc"]) or "file"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{field} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{field} = {_short(fault['input'])} is unknown; remove it or correct its name"
    if fault["type"] == "value_error":
        return f"{field}: {message}" if fault["loc"] else message
    return f"{field} = {_short(fault['input'])}: {message[0].lower()}{message[1:]}"


def _short(value: Any) -> str:
    text = SHORT.repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
