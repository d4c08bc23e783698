"""Messages to documents and back, exactly, by what their annotations say.

Money, prices, quantities and weights are kept as `int64` under `<name>_minor` or `<name>_micro`
(the markers of `schemas/base.py`), other decimals and all dates as text (BSON dates know only
milliseconds), free JSON as text under `<name>_json` (its keys and integers fit no BSON document),
and the keys of mappings with `.`, `$` and NUL escaped. A field that is None by default and None
now is left out. A class is analysed once, on first use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, Inexact
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, JsonValue

from schemas.base import Message, Scale
from schemas.errors import InvalidRequest, UntrustworthyData

M = TypeVar("M", bound=Message)
Document = dict[str, Any]
Convert = Callable[[Any], Any]

_EXACT = Context(prec=60, traps=[Inexact])
_INT64 = 2**63
_RESERVED = re.compile(r"[%.$\x00]")
_ESCAPED = re.compile(r"%([0-9A-F]{2})")
_PLAIN = frozenset({str, bool, float, bytes, NoneType})


@dataclass(frozen=True, slots=True)
class _Form:
    """How a value is stored: None for a conversion means as it is."""

    encode: Convert | None = None
    decode: Convert | None = None
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A class, field by field: (name, key, conversion, left out when None)."""

    encoders: tuple[tuple[str, str, Convert | None, bool], ...]
    decoders: Mapping[str, tuple[str, Convert | None]]


def encode(message: Message) -> Document:
    """Return the document of a message; `InvalidRequest` when a number exceeds 64 bits."""
    document: Document = {}
    values = message.__dict__
    for name, key, convert, optional in _plan(type(message)).encoders:
        value = values[name]
        if value is None:
            if not optional:
                document[key] = None
        else:
            document[key] = value if convert is None else convert(value)
    return document


def decode(kind: type[M], document: Mapping[str, Any]) -> M:
    """Return the validated message of a document; keys that begin with `_` are not its own.

    `UntrustworthyData` when the document is no such message.
    """
    try:
        return kind.model_validate(_values(kind, document))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise UntrustworthyData(f"a stored {kind.__name__} cannot be read") from error


def _values(kind: type[BaseModel], document: Mapping[str, Any]) -> dict[str, Any]:
    decoders = _plan(kind).decoders
    values: dict[str, Any] = {}
    for key, value in document.items():
        known = decoders.get(key)
        if known is not None:
            name, convert = known
            values[name] = value if convert is None or value is None else convert(value)
        elif not key.startswith("_"):
            values[key] = value  # an unknown field: the message refuses it by name
    return values


@cache
def _plan(kind: type[BaseModel]) -> _Plan:
    encoders: list[tuple[str, str, Convert | None, bool]] = []
    decoders: dict[str, tuple[str, Convert | None]] = {}
    for name, field in kind.model_fields.items():
        annotation: Any = field.annotation
        form = _form(Annotated[annotation, *field.metadata] if field.metadata else annotation)
        key = name + form.suffix
        encoders.append((name, key, form.encode, field.default is None))
        decoders[key] = (name, form.decode)
    return _Plan(tuple(encoders), decoders)


def _form(annotation: Any) -> _Form:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is JsonValue or _holds_json(origin, arguments):
        return _Form(_dump_json, json.loads, "_json")
    if origin is Annotated:
        scale = next((part for part in arguments[1:] if isinstance(part, Scale)), None)
        return _form(arguments[0]) if scale is None else _scaled(scale)
    if origin in (Union, UnionType):
        form = _union([part for part in arguments if part is not NoneType])
        return _or_none(form) if NoneType in arguments else form
    if origin is tuple:
        return _sequence(arguments)
    if origin is dict:
        return _mapping(arguments)
    return _single(annotation)


def _single(annotation: Any) -> _Form:
    if get_origin(annotation) is Literal or annotation in _PLAIN:
        return _Form()
    if annotation is int:
        return _Form(_int64, int)
    if annotation is Decimal:
        return _Form(str)
    if annotation is AwareDatetime:
        return _Form(_iso)
    if isinstance(annotation, type):
        if issubclass(annotation, date):
            return _Form(_iso)
        if issubclass(annotation, BaseModel):
            return _Form(_encode_nested, lambda document: _values(annotation, document))
    raise TypeError(f"{annotation!r} has no stored form")


def _scaled(scale: Scale) -> _Form:
    places = scale.places

    def count(value: Decimal) -> int:
        try:
            return _int64(int(_EXACT.to_integral_exact(value.scaleb(places, _EXACT))))
        except (ArithmeticError, ValueError) as error:
            raise InvalidRequest(f"{value} is not a whole number of 10^-{places}") from error

    return _Form(count, lambda number: Decimal(number).scaleb(-places, _EXACT), scale.suffix)


def _or_none(form: _Form) -> _Form:
    up, down = form.encode, form.decode
    return _Form(
        up and (lambda value: None if value is None else up(value)),
        down and (lambda value: None if value is None else down(value)),
        form.suffix,
    )


def _union(members: list[Any]) -> _Form:
    if len(members) == 1:
        return _form(members[0])
    if all(isinstance(member, type) and issubclass(member, BaseModel) for member in members):
        return _messages(cast("list[type[BaseModel]]", members))
    forms = [_form(member) for member in members]
    if any(form.encode or form.decode for form in forms):
        raise TypeError(f"{members!r} together have no stored form")
    return _Form()


def _messages(members: list[type[BaseModel]]) -> _Form:
    """One of several messages: told apart by `kind`, or by the class name kept beside them."""
    tags = {tag: member for member in members for tag in _kinds(member)}
    if len(tags) == len(members):
        return _Form(_encode_nested, lambda document: _values(tags[document["kind"]], document))
    names = {member.__name__: member for member in members}

    def mark(message: Message) -> Document:
        return {"_type": type(message).__name__, **encode(message)}

    def build(document: Document) -> BaseModel:
        member = names[document["_type"]]
        return member.model_validate(_values(member, document))

    return _Form(mark, build)


def _kinds(member: type[BaseModel]) -> tuple[str, ...]:
    field = member.model_fields.get("kind")
    return get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()


def _sequence(arguments: tuple[Any, ...]) -> _Form:
    forms = [_form(part) for part in arguments if part is not Ellipsis]
    first = forms[0]
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        up, down = first.encode, first.decode
        return _Form(
            list if up is None else lambda values: [up(value) for value in values],
            None if down is None else lambda values: [down(value) for value in values],
            first.suffix,
        )
    if any(form.suffix != first.suffix for form in forms):
        raise TypeError(f"tuple[{arguments!r}] has no stored form")
    return _Form(
        lambda values: [
            _apply(form.encode, value) for form, value in zip(forms, values, strict=True)
        ],
        lambda values: [
            _apply(form.decode, value) for form, value in zip(forms, values, strict=True)
        ],
        first.suffix,
    )


def _mapping(arguments: tuple[Any, ...]) -> _Form:
    form = _form(arguments[1])
    return _Form(
        lambda values: {escape(key): _apply(form.encode, item) for key, item in values.items()},
        lambda values: {unescape(key): _apply(form.decode, item) for key, item in values.items()},
        form.suffix,
    )


def _apply(convert: Convert | None, value: Any) -> Any:
    return value if convert is None or value is None else convert(value)


def _iso(value: date) -> str:
    return value.isoformat()


def _encode_nested(message: Message) -> Document:
    return encode(message)


def _holds_json(origin: Any, arguments: Iterable[Any]) -> bool:
    return origin in (dict, tuple, list) and JsonValue in arguments


def _dump_json(value: JsonValue) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _int64(value: int) -> int:
    if not -_INT64 <= value < _INT64:
        raise InvalidRequest(f"{value} does not fit into 64 bits")
    return value


def escape(key: str) -> str:
    """Make a mapping's key safe in a document: `.`, `$`, `%` and NUL become `%` and two digits."""
    if not key:
        return "%"
    return (
        _RESERVED.sub(lambda match: f"%{ord(match[0]):02X}", key) if _RESERVED.search(key) else key
    )


def unescape(key: str) -> str:
    """Undo `escape`."""
    if "%" not in key:
        return key
    return "" if key == "%" else _ESCAPED.sub(lambda match: chr(int(match[1], 16)), key)
