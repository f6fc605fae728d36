"""The tokenizer: placeholders and ends of statements, and everything that only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.sqltext import PlaceholderError, bind, first_word, statements, tokens

KINDS = ("postgres", "mysql", "sqlite")


@given(st.text(alphabet="ab'\"`$1?:;-/*#\\[]\nE%é ", max_size=40), st.sampled_from(KINDS))
def test_tokens_lose_nothing(sql: str, kind: str) -> None:
    assert "".join(text for _, text in tokens(sql, kind)) == sql


@pytest.mark.parametrize(
    ("kind", "sql", "expected", "order"),
    [
        ("postgres", "INSERT INTO t VALUES (CAST($1 AS INT))", "INSERT INTO t VALUES (CAST(%s AS INT))", (0,)),
        ("postgres", "VALUES ($2, $1, $2)", "VALUES (%s, %s, %s)", (1, 0, 1)),
        ("postgres", "VALUES ($1::int, $2) -- $9 ?", "VALUES (%s::int, %s) -- $9 ?", (0, 1)),
        ("postgres", "VALUES ('$9', \"$8\", $1, $2, 5 % 2)", "VALUES ('$9', \"$8\", %s, %s, 5 %% 2)", (0, 1)),
        ("postgres", "VALUES ($a$ $9 $a$, $$ ? $$, $1, $2)", "VALUES ($a$ $9 $a$, $$ ? $$, %s, %s)", (0, 1)),
        ("postgres", "VALUES (E'\\'$9', $1, $2)", "VALUES (E'\\'$9', %s, %s)", (0, 1)),
        ("postgres", "/* $9 /* ? */ $8 */ VALUES ($1, $2)", "/* $9 /* ? */ $8 */ VALUES (%s, %s)", (0, 1)),
        ("postgres", "VALUES ($1, $2, j ? 'k', a[1:n])", "VALUES (%s, %s, j ? 'k', a[1:n])", (0, 1)),
        ("postgres", "VALUES (?, ?)", "VALUES (%s, %s)", (0, 1)),
        ("postgres", "VALUES (:c2, :c1)", "VALUES (%s, %s)", (1, 0)),
        (
            "mysql",
            'VALUES ($1, 5 % 2, \'$2\', "?\\"?", `?`, $2)',
            'VALUES (%s, 5 % 2, \'$2\', "?\\"?", `?`, %s)',
            (0, 1),
        ),
        ("mysql", "VALUES (?, ?) # ?\n", "VALUES (%s, %s) # ?\n", (0, 1)),
        ("mysql", "VALUES (?, 5--?)", "VALUES (%s, 5--%s)", (0, 1)),
        ("sqlite", "VALUES ($1, [?], `?`, \"?\", '?''?', $2)", "VALUES (?, [?], `?`, \"?\", '?''?', ?)", (0, 1)),
        ("sqlite", "VALUES ($1, a$1, $2)", "VALUES (?, a$1, ?)", (0, 1)),
    ],
)
def test_placeholders(kind: str, sql: str, expected: str, order: tuple[int, ...]) -> None:
    bound = bind(sql, kind, max(order) + 1)
    assert bound.sql == expected
    assert bound.order == order


def test_names_of_fields() -> None:
    bound = bind("VALUES (:Area, :count, :area)", "sqlite", 2, ("area", "count"))
    assert bound.arrange((7, 9)) == (7, 9, 7)


@pytest.mark.parametrize(
    ("sql", "columns", "message"),
    [
        ("VALUES ($1, $2, $3)", 2, "uses $1..$3 but the program returns 2 columns"),
        ("VALUES ($1)", 2, "does not use $2, but the program returns 2 columns"),
        ("VALUES (?)", 2, "uses 1 placeholders (?) but the program returns 2 columns"),
        ("VALUES ($0, $1)", 1, "uses $0; placeholders count from $1"),
        ("VALUES (1)", 1, "uses no placeholder but the program returns 1 column; write $1 where the value goes"),
        ("VALUES (?, :c1)", 2, "mixes ? and :name; use one kind of placeholder"),
        ("VALUES (:nope)", 1, "uses :nope, but the columns are :c1, :c2, ..."),
        ("VALUES ('$1')", 1, "uses no placeholder"),
    ],
)
def test_placeholders_that_do_not_fit(sql: str, columns: int, message: str) -> None:
    with pytest.raises(PlaceholderError) as caught:
        bind(sql, "postgres", columns)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "sql", "expected"),
    [
        ("postgres", "SELECT 1;", ["SELECT 1"]),
        ("postgres", "a; b ;; -- c;\n /* d; */", ["a", "b"]),
        ("postgres", "SELECT ';' , $x$;$x$; SELECT \";\"", ["SELECT ';' , $x$;$x$", 'SELECT ";"']),
        ("mysql", "SELECT 'a\\';'; # x;\nSELECT `;`", ["SELECT 'a\\';'", "# x;\nSELECT `;`"]),
        ("sqlite", "SELECT [a;b]; ", ["SELECT [a;b]"]),
        ("sqlite", "", []),
    ],
)
def test_statements(kind: str, sql: str, expected: list[str]) -> None:
    assert statements(sql, kind) == expected


def test_first_word() -> None:
    assert first_word("/* x */ -- y\n (select 1)", "postgres") == "SELECT"
    assert first_word("'text'", "mysql") == ""
