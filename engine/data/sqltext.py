"""A small tokenizer of SQL: enough to find placeholders and the ends of statements, never to understand a
query.

It skips what cannot hold either: strings, quoted names, dollar quotes, comments and casts (``::``).
Differences between the databases: PostgreSQL has dollar quotes, ``E''`` strings and nested comments; MySQL
has backslash escapes and ``#`` comments; SQLite has names in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

Token = tuple[str, str]
"""(kind, text); kind is opaque, word, dollar, question, name, semicolon or text."""

_ESCAPED_SINGLE = r"'(?:[^'\\]|\\.|'')*(?:'|\Z)"
_ESCAPED_DOUBLE = r'"(?:[^"\\]|\\.|"")*(?:"|\Z)'
_PLAIN_SINGLE = r"'(?:[^']|'')*(?:'|\Z)"
_PLAIN_DOUBLE = r'"(?:[^"]|"")*(?:"|\Z)'
_BACKTICK = r"`(?:[^`]|``)*(?:`|\Z)"
_COMMENT = r"/\*.*?(?:\*/|\Z)"

_OPAQUE = {
    "postgres": rf"--[^\n]*|[eE]{_ESCAPED_SINGLE}|{_PLAIN_SINGLE}|{_PLAIN_DOUBLE}",
    "mysql": rf"--(?=\s|\Z)[^\n]*|\#[^\n]*|{_COMMENT}|{_ESCAPED_SINGLE}|{_ESCAPED_DOUBLE}|{_BACKTICK}",
    "sqlite": rf"--[^\n]*|{_COMMENT}|{_PLAIN_SINGLE}|{_PLAIN_DOUBLE}|{_BACKTICK}|\[[^\]]*(?:\]|\Z)",
}
_DOLLAR_QUOTE = re.compile(r"\$([A-Za-z_\x80-\U0010ffff][\w]*)?\$")


@lru_cache
def _pattern(kind: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<opaque>{_OPAQUE[kind]})"
        r"|(?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*|\d[\w.]*)"
        r"|(?P<cast>::|:=)|(?P<dollar>\$\d+)|(?P<question>\?)|(?P<name>:[A-Za-z_]\w*)|(?P<semicolon>;)|(?P<text>.)",
        re.S,
    )


def tokens(sql: str, kind: str) -> Iterator[Token]:
    """Tokens of a text in the dialect of ``kind`` (postgres, mysql, sqlite); joined they give the text
    again.
    """
    pattern, at = _pattern(kind), 0
    while at < len(sql):
        end = _postgres_only(sql, at) if kind == "postgres" else at
        if end > at:
            yield "opaque", sql[at:end]
        else:
            match = pattern.match(sql, at)
            assert match is not None and match.lastgroup is not None
            end = match.end()
            yield ("text" if match.lastgroup == "cast" else match.lastgroup), match.group()
        at = end


def _postgres_only(sql: str, at: int) -> int:
    """End of a dollar quote or of a nested comment that starts at ``at``, else ``at``."""
    if sql.startswith("/*", at):
        depth = 0
        for match in re.compile(r"/\*|\*/").finditer(sql, at):
            depth += 1 if match.group() == "/*" else -1
            if depth == 0:
                return match.end()
        return len(sql)
    quote = _DOLLAR_QUOTE.match(sql, at)
    if quote is None:
        return at
    end = sql.find(quote.group(), quote.end())
    return len(sql) if end < 0 else end + len(quote.group())


def statements(sql: str, kind: str) -> list[str]:
    """The statements of a text, without their semicolons; those of comments only are left out."""
    found: list[str] = []
    current: list[str] = []
    alive = False
    for token, text in [*tokens(sql, kind), ("semicolon", ";")]:
        if token == "semicolon":
            if alive:
                found.append("".join(current).strip())
            current, alive = [], False
            continue
        current.append(text)
        alive = alive or not _is_blank(token, text)
    return found


def first_word(sql: str, kind: str) -> str:
    """The first word of a statement in upper case, after comments and opening parentheses."""
    for token, text in tokens(sql, kind):
        if token == "word":
            return text.upper()
        if text != "(" and not _is_blank(token, text):
            return ""
    return ""


def words(sql: str, kind: str) -> list[str]:
    """All bare words of a statement in upper case."""
    return [text.upper() for token, text in tokens(sql, kind) if token == "word"]


def _is_blank(token: str, text: str) -> bool:
    if token == "opaque":
        return text.startswith(("--", "/*", "#"))
    return not text.strip()


@dataclass(frozen=True)
class Bound:
    """A statement with placeholders in the driver's style; ``order`` lists the column (from 0) of each of
    them, ``cast_to_text`` the columns that the statement casts to text wherever it uses them.
    """

    sql: str
    order: tuple[int, ...]
    cast_to_text: frozenset[int] = frozenset()

    def arrange(self, row: tuple[object, ...]) -> tuple[object, ...]:
        """The values of a row in the order of the placeholders."""
        return tuple(row[column] for column in self.order)


class PlaceholderError(ValueError):
    """Placeholders that do not fit; the text says why."""


def bind(sql: str, kind: str, columns: int, names: tuple[str, ...] | None = None, mark: str = "") -> Bound:
    """Translate ``$1``, ``?`` or ``:name`` to the placeholders of the driver of ``kind``.

    ``names`` are the field names of a struct; ``:c1``, ``:c2`` always work. Raises PlaceholderError when
    styles are mixed, a name or number does not exist, or a column is not used.
    """
    parts = list(tokens(sql, kind))
    style = _style({token for token, _ in parts})
    mark = mark or ("?" if kind == "sqlite" else "%s")
    order: list[int] = []
    texts: list[str] = []
    for token, text in parts:
        if token != style:
            # psycopg2 reads % in all of the text; mysql-connector knows no escape for it, sqlite3 no meaning.
            texts.append(text.replace("%", "%%") if kind == "postgres" and mark == "%s" else text)
            continue
        order.append(len(order) if style == "question" else _column(text, names))
        texts.append(mark)
    _check(style, order, columns, names)
    return Bound("".join(texts), tuple(order), _cast_to_text(parts, style, order))


def _cast_to_text(parts: list[Token], style: str, order: list[int]) -> frozenset[int]:
    """Columns that stand in ``CAST(… AS TEXT)`` and nowhere else."""
    solid = [(token, text.upper()) for token, text in parts if not _is_blank(token, text)]
    places = [number for number, (token, _) in enumerate(solid) if token == style]
    before, after = [("word", "CAST"), ("text", "(")], [("word", "AS"), ("word", "TEXT"), ("text", ")")]
    plain = {
        column
        for column, place in zip(order, places)
        if solid[max(0, place - 2) : place] != before or solid[place + 1 : place + 4] != after
    }
    return frozenset(order) - plain


def row_of_values(sql: str, kind: str) -> tuple[str, str] | None:
    """``INSERT … VALUES`` and its parenthesised row, if nothing follows that row and it holds no query; else None."""
    parts = list(tokens(sql, kind))
    while parts and _is_blank(*parts[-1]):
        parts.pop()
    words_of = [text.upper() if token == "word" else "" for token, text in parts]
    if first_word(sql, kind) not in ("INSERT", "REPLACE") or words_of.count("VALUES") != 1:
        return None
    start = words_of.index("VALUES") + 1
    while start < len(parts) and _is_blank(*parts[start]):
        start += 1
    depth = 0
    for number in range(start, len(parts)):
        depth += {"(": 1, ")": -1}.get(parts[number][1], 0)
        if depth <= 0:
            break
    else:
        return None
    if depth < 0 or number != len(parts) - 1 or parts[number][1] != ")" or "SELECT" in words_of[start:]:
        return None
    return "".join(text for _, text in parts[:start]), "".join(text for _, text in parts[start:])


def _style(found: set[str]) -> str:
    if "dollar" in found:
        return "dollar"
    if {"question", "name"} <= found:
        raise PlaceholderError("mixes ? and :name; use one kind of placeholder")
    return "question" if "question" in found else "name"


def _column(text: str, names: tuple[str, ...] | None) -> int:
    if text.startswith("$"):
        return int(text[1:]) - 1
    name = text[1:]
    if names is not None and name in names:
        return names.index(name)
    lower = [item.lower() for item in names or ()]
    if name.lower() in lower:
        return lower.index(name.lower())
    match = re.fullmatch(r"[cC]([1-9]\d{0,4})", name)
    if match is None:
        known = ", ".join(f":{item}" for item in names) if names else ":c1, :c2, ..."
        raise PlaceholderError(f"uses {text}, but the columns are {known}")
    return int(match.group(1)) - 1


def _check(style: str, order: list[int], columns: int, names: tuple[str, ...] | None) -> None:
    returned = f"the program returns {columns} column{'' if columns == 1 else 's'}"
    used = sorted(set(order))
    if style == "question" and len(order) != columns:
        raise PlaceholderError(f"uses {len(order)} placeholders (?) but {returned}")
    if not used:
        raise PlaceholderError(f"uses no placeholder but {returned}; write $1 where the value goes")
    if used[0] < 0:
        raise PlaceholderError("uses $0; placeholders count from $1")
    if used[-1] >= columns:
        first = "$1" if used[-1] == 0 else f"$1..${used[-1] + 1}"
        raise PlaceholderError(f"uses {first} but {returned}")
    if used != list(range(columns)):
        missing = next(number for number in range(columns) if number not in used)
        label = f":{names[missing]}" if names else f"${missing + 1}"
        raise PlaceholderError(f"does not use {label}, but {returned}")
