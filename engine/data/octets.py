"""Columns that become ``[u8; N]``: text rules, padding, digests (section 3.4 of the service specification)."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
import unicodedata
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.data import times
from engine.data.field import Converted, Field, Problems, no
from engine.data.table import Chunk, Column, Texts, plain
from engine.sources import ColumnRule, TextRules
from engine.values import ArrayType

_FORMS = ("", "iso", "text", "uuid", "zero_padded", "hash")
_NOT_UTF8 = "text is not valid UTF-8"


class NoOctets(ValueError):
    """A value that is no text; the message (may be empty) says why and holds no value."""


def to_octets(field: Field, chunk: Chunk) -> Converted:
    """The bytes of each value, filled up with zeros, or its digest."""
    type = field.type
    assert isinstance(type, ArrayType)
    if field.rule.form not in _FORMS:
        text = f'"as": "{field.rule}" does not make {type}'
        return Converted(np.zeros((len(chunk), type.bits), np.uint8), dict.fromkeys(range(len(chunk)), text))
    if isinstance(chunk, Texts) and not chunk.binary and _as_it_is(field):
        if field.rule.form == "hash":
            return _digests(field, chunk.octets(), {})
        packed = _packed(chunk, type.size)
        if packed is not None:
            return Converted(packed)
    values = plain(chunk)
    found, problems = _octet_list(field, values)
    if field.rule.form == "hash":
        return _digests(field, found, problems)
    cut = _shorten(field, type, found, values, problems)
    _check_zeros(field, found, values, type.size, problems)
    matrix = np.frombuffer(b"".join([item.ljust(type.size, b"\0") for item in found]), np.uint8)
    return Converted(np.unpackbits(matrix.reshape(len(values), type.size), axis=1), problems, cut)


def _as_it_is(field: Field) -> bool:
    """Whether texts of the column are encoded without a change."""
    plain_rules = field.text.normalize == "none" and not field.text.casefold
    return field.rule.form in ("", "hash") and field.column.family in ("text", "cell", "enum") and plain_rules


def _packed(texts: Texts, size: int) -> np.ndarray | None:
    """Bits of texts that all fit and hold no zero byte; None otherwise."""
    starts = texts.starts
    lengths = texts.ends - starts
    if int(lengths.max(initial=0)) > size or b"\0" in texts.blob:
        return None
    matrix = np.zeros((len(texts), size), np.uint8)
    octets = np.frombuffer(texts.blob, np.uint8)
    rows = np.repeat(np.arange(len(texts)), lengths)
    matrix[rows, np.arange(len(octets)) - np.repeat(starts, lengths)] = octets
    return np.unpackbits(matrix, axis=1)


def _octet_list(field: Field, values: Sequence[Any]) -> tuple[list[bytes], Problems]:
    problems: Problems = {}
    found = [b""] * len(values)
    size = field.type.size if isinstance(field.type, ArrayType) and field.rule.form != "hash" else 0
    for row, value in enumerate(values):
        try:
            found[row] = octets(field.column, field.rule, field.text, value, size)
        except UnicodeError:
            problems[row] = _NOT_UTF8
        except NoOctets as problem:
            problems[row] = str(problem) or no(field, value)
        except times.TimeProblem as problem:
            problems[row] = f"{problem}, cannot become {field.type}"
    return found, problems


def octets(column: Column, rule: ColumnRule, text: TextRules, value: Any, size: int = 0) -> bytes:
    """The bytes that a value has as ``[u8; N]`` before padding; ``size`` 16 takes a UUID as it is, not its text.

    Raises UnicodeError for text that is not valid UTF-8, NoOctets for what is no text, TimeProblem.
    """
    if rule.form == "uuid" or column.family == "uuid":
        found = _uuid(value)
        return found.bytes if size == 16 else str(found).encode()
    if rule.form == "iso" and times.is_time(value):
        return times.iso(value, rule.tz).encode()
    if column.family == "other" and column.type_name != "NULL" and rule.form not in ("text", "hash"):
        raise NoOctets
    if isinstance(value, str):
        return normal(value, column, text).encode()
    if isinstance(value, bytes):
        return normal(value.decode(), column, text).encode() if rule.form == "text" else value
    if times.is_date(value):
        return str(value.isoformat()).encode()
    if isinstance(value, uuid.UUID):
        return value.bytes if size == 16 else str(value).encode()
    if rule.form == "text":
        return normal(_shown(value, rule.tz), column, text).encode()
    raise NoOctets


def normal(value: str, column: Column, text: TextRules) -> str:
    """The text by the rules: blanks of CHAR columns, normal form, case."""
    if column.family == "char" and not text.keep_blanks:
        value = value.rstrip(" ")
    if text.normalize != "none":
        value = _form(text.normalize, value)
    if text.casefold:
        value = value.casefold()
        value = _form(text.normalize, value) if text.normalize != "none" else value
    return value


def _form(name: str, value: str) -> str:
    return unicodedata.normalize("NFKC" if name == "NFKC" else "NFC", value)


def _uuid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    try:
        if isinstance(value, bytes) and len(value) == 16:
            return uuid.UUID(bytes=value)
        if isinstance(value, str) and len(value) == 36:
            return uuid.UUID(value)
    except ValueError:
        pass
    raise NoOctets("is not a UUID")


def _shown(value: Any, tz: str) -> str:
    """The text of a value of any type, by ``as: "text"``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}" if value.is_finite() else str(value)
    if isinstance(value, (dict, list)):
        try:
            return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        except TypeError:
            raise NoOctets("holds values that have no JSON text; cast it to text in the query") from None
    if isinstance(value, (datetime.datetime, datetime.time, datetime.timedelta)):
        return times.iso(value, tz)
    if isinstance(value, (set, frozenset)):
        return ",".join(sorted(map(str, value)))
    raise NoOctets


def _shorten(field: Field, type: ArrayType, found: list[bytes], values: Sequence[Any], problems: Problems) -> int:
    """Cut what is too long where the rules say so, else complain; the number of texts that were cut."""
    cut = 0
    for row, item in enumerate(found):
        if len(item) <= type.size:
            continue
        if field.text.too_long == "truncate" and not _is_binary(field, values[row]):
            found[row] = item[: type.size].decode("utf-8", "ignore").encode()
            cut += 1
        else:
            problems[row] = f"text has {len(item)} bytes, {type} holds {type.size}"
            found[row] = b""
    return cut


def _is_binary(field: Field, value: Any) -> bool:
    raw = isinstance(value, bytes) and field.rule.form != "text"
    return raw or field.rule.form == "uuid" or field.column.family == "uuid" or isinstance(value, uuid.UUID)


def _check_zeros(field: Field, found: list[bytes], values: Sequence[Any], size: int, problems: Problems) -> None:
    """Zero bytes would collide with the padding.

    They are never allowed in text, in binary values only when all of them have full length or ``as`` says so.
    """
    for row, item in enumerate(found):
        if b"\0" not in item or row in problems:
            continue
        if not _is_binary(field, values[row]):
            problems[row] = "text with an embedded NUL byte"
        elif not field.full and field.rule.form != "zero_padded":
            problems[row] = (
                f"binary value with zero bytes while some have fewer than {size}: length would be ambiguous "
                '(or "as": "zero_padded")'
            )


def _digests(field: Field, found: Sequence[bytes], problems: Problems) -> Converted:
    """BLAKE2b of each value, keyed with the key of the run."""
    size = field.rule.number
    assert isinstance(field.type, ArrayType)
    if field.type.size != size:
        text = f'"as": "{field.rule}" makes [u8; {size}], the program has {field.type}'
        return Converted(np.zeros((len(found), field.type.bits), np.uint8), dict.fromkeys(range(len(found)), text))
    digests = [hashlib.blake2b(item, digest_size=size, key=field.key).digest() for item in found]
    matrix = np.frombuffer(b"".join(digests), np.uint8).reshape(len(found), size)
    return Converted(np.unpackbits(matrix, axis=1), problems)


def not_normal(chunk: Chunk) -> int:
    """How many texts are not in Unicode normal form NFC; keys that look equal may then differ."""
    if isinstance(chunk, np.ndarray) or (isinstance(chunk, Texts) and (chunk.binary or chunk.blob.isascii())):
        return 0
    # Parts of a normalised text are normalised, so one look at all of them together is mostly enough.
    if isinstance(chunk, Texts) and unicodedata.is_normalized("NFC", chunk.blob.decode()):
        return 0
    return sum(
        1
        for value in plain(chunk)
        if isinstance(value, str) and not value.isascii() and not unicodedata.is_normalized("NFC", value)
    )
