"""SQL in an argument: what only reads is allowed, what writes is found, whichever database it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot.dialects.dialect import Dialect as SqlglotDialect

from midwatch.calls import parse_call
from midwatch.errors import SpecError
from midwatch.policy import compile_policy
from midwatch.policy.sql import read_sql
from midwatch.policy.sql.functions import FUNCTIONS
from midwatch.policy.sql.lexis import DIALECTS, LEXIS, MAX_CHARACTERS, Dialect, pieces
from midwatch.policy.sql.reads import read_query
from midwatch.policy.sql.writes import writes
from midwatch.policy.values import read_conditions
from midwatch.spec import Rules
from tests.midwatch.policy.sql_cases import OTHERS, READS, WRITES


@pytest.mark.parametrize(("dialect", "query"), [(d, query) for d, queries in READS.items() for query in queries])
def test_a_query_that_only_reads_is_allowed_and_not_denied(dialect: Dialect, query: str) -> None:
    assert read_query(query, dialect).fault == ""
    assert not writes(query, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_nobody_can_be_sure_of_is_not_allowed(dialect: Dialect) -> None:
    assert [query for query in OTHERS[dialect] if not read_query(query, dialect).fault] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_writes_is_denied_and_not_allowed(dialect: Dialect) -> None:
    assert [query for query in WRITES[dialect] if not writes(query, dialect)] == []
    assert [query for query in WRITES[dialect] if not read_query(query, dialect).fault] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_writes_is_denied_without_knowing_the_dialect(dialect: Dialect) -> None:
    assert [query for query in WRITES[dialect] if not writes(query, None)] == []


TABLES: list[tuple[Dialect, list[str], str, bool]] = [
    # dialect, tables of the rule, query, allowed
    ("postgres", ["orders"], "SELECT * FROM orders", True),
    ("postgres", ["orders"], "SELECT 1", True),
    ("postgres", ["orders", "customers"], "SELECT * FROM orders o JOIN customers c ON c.id = o.id", True),
    ("postgres", ["orders"], "SELECT * FROM orders o JOIN secrets s ON s.id = o.id", False),
    ("postgres", ["orders"], "SELECT * FROM orders, secrets", False),
    ("postgres", ["orders"], "SELECT * FROM (orders CROSS JOIN secrets)", False),
    ("postgres", ["orders"], "SELECT (SELECT token FROM secrets LIMIT 1) FROM orders", False),
    ("postgres", ["orders"], "SELECT * FROM orders WHERE id IN (SELECT id FROM secrets)", False),
    ("postgres", ["orders"], "SELECT * FROM orders ORDER BY (SELECT x FROM secrets)", False),
    ("postgres", ["orders"], "SELECT * FROM orders LIMIT (SELECT x FROM secrets)", False),
    ("postgres", ["orders"], "SELECT count(*) FILTER (WHERE x IN (SELECT x FROM secrets)) FROM orders", False),
    ("postgres", ["orders"], "SELECT sum(x) OVER (ORDER BY (SELECT 1 FROM secrets)) FROM orders", False),
    ("postgres", ["orders"], "SELECT * FROM orders, LATERAL (SELECT * FROM secrets) x", False),
    ("postgres", ["orders"], "SELECT * FROM orders UNION SELECT * FROM secrets", False),
    ("postgres", ["orders"], "SELECT id FROM orders UNION TABLE secrets", False),
    ("postgres", ["orders"], "TABLE secrets", False),
    ("postgres", ["orders"], "TABLE orders", True),
    ("postgres", ["orders"], "SELECT * FROM ONLY secrets", False),
    ("postgres", ["orders"], "SELECT * FROM orders TABLESAMPLE SYSTEM ((SELECT 1 FROM secrets))", False),
    ("postgres", ["orders"], "VALUES ((SELECT token FROM secrets))", False),
    ("postgres", ["orders"], "SELECT ARRAY(SELECT token FROM secrets)", False),
    ("postgres", ["orders"], "EXPLAIN ANALYZE SELECT * FROM secrets", False),
    ("postgres", ["orders"], "SELECT * FROM orders AS secrets", True),
    ("postgres", ["orders"], "SELECT secrets FROM orders", True),
    ("postgres", ["orders"], "SELECT 'secrets' FROM orders -- secrets", True),
    ("postgres", ["orders"], "SELECT * FROM generate_series(1, 3) AS secrets", True),
    ("postgres", ["orders"], "WITH x AS (SELECT * FROM orders) SELECT * FROM x", True),
    (
        "postgres",
        ["orders"],
        "WITH x AS (SELECT * FROM orders), y AS (SELECT * FROM x) SELECT * FROM y JOIN x ON true",
        True,
    ),
    ("postgres", ["orders"], "WITH x AS (SELECT 1) SELECT * FROM (SELECT * FROM x) y, orders", True),
    ("postgres", ["orders"], "WITH orders AS (SELECT * FROM secrets) SELECT * FROM orders", False),
    ("postgres", ["orders"], "WITH secrets AS (SELECT * FROM secrets) SELECT * FROM secrets", False),
    ("postgres", ["orders"], "WITH secrets AS (SELECT 1) SELECT * FROM secrets", True),
    ("postgres", ["orders"], "WITH secrets AS (SELECT 1) SELECT * FROM public.secrets", False),
    ("postgres", ["orders"], "SELECT * FROM (WITH secrets AS (SELECT 1) SELECT * FROM secrets) x, secrets", False),
    ("postgres", ["orders"], "WITH a AS (SELECT * FROM secrets), secrets AS (SELECT 1) SELECT * FROM a", False),
    ("postgres", ["orders"], 'WITH "Secrets" AS (SELECT 1) SELECT * FROM secrets', False),
    ("postgres", ["orders"], "WITH Secrets AS (SELECT 1) SELECT * FROM SECRETS", True),
    (
        "postgres",
        ["orders"],
        "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT * FROM t, orders",
        True,
    ),
    ("postgres", ["orders"], "SELECT * FROM ORDERS", True),
    ("postgres", ["orders"], 'SELECT * FROM "orders"', True),
    ("postgres", ["orders"], 'SELECT * FROM "Orders"', False),
    ("postgres", ["orders"], "SELECT * FROM public.orders", False),
    ("postgres", ["public.orders"], "SELECT * FROM public.orders", True),
    ("postgres", ["public.orders"], "SELECT * FROM orders", False),
    ("postgres", ["orders"], "SELECT * FROM evil.orders", False),
    ("postgres", ["orders"], "SELECT * FROM information_schema.tables", False),
    ("postgres", ["orders"], "SELECT * FROM pg_class", False),
    ("postgres", ["orders"], "SELECT * FROM orders o, o.secrets", False),
    ("sqlite", ["orders"], "SELECT * FROM Orders", True),
    ("sqlite", ["orders"], "SELECT * FROM 'secrets'", False),
    ("sqlite", ["orders"], "SELECT * FROM [secrets]", False),
    ("sqlite", ["orders"], "SELECT x IN secrets FROM orders", False),
    ("sqlite", ["orders"], "SELECT x NOT IN main.secrets FROM orders", False),
    ("sqlite", ["orders"], "SELECT * FROM sqlite_master", False),
    ("sqlite", ["orders"], "SELECT * FROM main.orders", False),
    ("sqlite", ["orders"], "SELECT value FROM orders, json_each(orders.tags)", True),
    ("mysql", ["orders"], "SELECT * FROM `orders`", True),
    ("mysql", ["orders"], "SELECT * FROM ORDERS", False),
    ("mysql", ["orders"], "SELECT * FROM orders STRAIGHT_JOIN secrets", False),
    ("tsql", ["dbo.orders"], "SELECT * FROM [dbo].[Orders]", True),
    ("tsql", ["orders"], "SELECT * FROM orders CROSS APPLY (SELECT * FROM secrets) x", False),
    ("snowflake", ["orders"], "SELECT * FROM orders", True),
    ("snowflake", ["orders"], 'SELECT * FROM "orders"', False),
    ("bigquery", ["shop.orders"], "SELECT * FROM `shop.orders`", True),
    ("bigquery", ["shop.orders"], "SELECT * FROM `shop.orders`, UNNEST(items)", True),
    ("duckdb", ["orders"], "FROM orders", True),
    ("duckdb", ["orders"], "FROM secrets", False),
]


@pytest.mark.parametrize(("dialect", "tables", "query", "allowed"), TABLES)
def test_every_table_that_is_read_must_be_named(dialect: Dialect, tables: list[str], query: str, allowed: bool) -> None:
    holds = read_sql("query", {"sql": "read_only", "dialect": dialect, "tables": tables})
    assert holds(query, True) is allowed


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"sql": "read_only"}, "depends on the `dialect`"),
        ({"sql": "read_only", "dialect": "postgresql"}, "did you mean `postgres`"),
        ({"sql": "read_only", "dialect": "klingon"}, "is one of bigquery, duckdb"),
        ({"sql": "reads", "dialect": "postgres"}, "`read_only` or `write`"),
        ({"tables": ["orders"]}, "`read_only` or `write`"),
        ({"sql": "read_only", "dialect": "postgres", "tables": []}, "list of names"),
        ({"sql": "read_only", "dialect": "postgres", "tables": ["*"]}, "list of names"),
        ({"sql": "read_only", "dialect": "postgres", "tables": [1]}, "list of names"),
    ],
)
def test_a_rule_that_says_nothing_sound_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_conditions({"query": said}, "/")


@pytest.mark.parametrize("value", [None, 1, True, ["SELECT 1"], {"q": "SELECT 1"}])
def test_only_a_text_can_be_a_query_and_anything_else_may_write(value: object) -> None:
    assert not read_sql("query", {"sql": "read_only", "dialect": "postgres"})(value, True)
    assert read_sql("query", {"sql": "write"})(value, False) is (not isinstance(value, list | dict))


def test_a_write_is_found_in_a_list_and_in_an_object() -> None:
    catches = read_sql("query", {"sql": "write"})
    assert catches(["SELECT 1", {"then": "DROP TABLE orders"}], False)
    assert not catches(["SELECT 1", {"then": "SELECT 2"}], False)


def test_no_rule_allows_what_writes() -> None:
    assert not read_sql("query", {"sql": "write", "dialect": "postgres"})("DELETE FROM orders", True)


def test_a_deny_rule_can_name_tables() -> None:
    reads = read_sql("query", {"sql": "read_only", "dialect": "postgres", "tables": ["salaries"]})
    assert reads('SELECT * FROM hr."Salaries"', False)
    assert reads("SELECT * FROM (((salaries", False)
    assert not reads("SELECT * FROM orders -- salaries", False)
    changes = read_sql("query", {"sql": "write", "tables": ["orders"]})
    assert changes("DELETE FROM orders", False)
    assert not changes("DELETE FROM old_orders", False)


def test_a_text_that_is_too_long_is_neither_allowed_nor_harmless() -> None:
    long = "SELECT 1 -- " + "x" * MAX_CHARACTERS
    assert "longer" in read_query(long, "postgres").fault
    assert writes(long, "postgres")


def test_the_engine_asks_denies_and_allows_by_such_rules() -> None:
    rules = {
        "allow": [
            {
                "query_db": {"query": {"sql": "read_only", "dialect": "postgres", "tables": ["orders"]}},
                "match": [{"query": "SELECT * FROM orders"}],
                "not_match": [{"query": "SELECT * FROM secrets"}, {"query": "SELECT pg_sleep(9)"}],
            }
        ],
        "deny": [{"query_db": {"query": {"sql": "write"}}, "match": [{"query": "SELECT 1; DROP TABLE orders"}]}],
    }
    here = Path("/")
    policy = compile_policy(
        Rules.model_validate(rules),
        tools={"query_db": "execute"},
        roots={},
        project=here,
        arguments={"query_db": {"query"}},
    )

    def verdict(**arguments: object) -> str:
        return policy.decide(parse_call("query_db", json.dumps(arguments))).verdict

    assert verdict(query="SELECT count(*) FROM orders") == "allow"
    assert verdict(query="SELECT count(*) FROM secrets") == "ask"
    assert verdict(query="WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x") == "deny"
    assert verdict(query="SELECT 1", params={"multi": True}) == "ask"
    assert verdict() == "ask"


def test_an_example_that_the_rule_does_not_match_is_a_fault() -> None:
    rule = {"query_db": {"query": {"sql": "read_only", "dialect": "mysql"}}, "match": [{"query": "SELECT SLEEP(5)"}]}
    with pytest.raises(SpecError, match="does not speak of it"):
        compile_policy(
            Rules.model_validate({"allow": [rule]}), tools={"query_db": "execute"}, roots={}, project=Path("/")
        )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_function_without_parentheses_that_sqlglot_knows_is_known_here(dialect: Dialect) -> None:
    """The check of names sees what a parenthesis follows; a new sqlglot must not bring a way past it."""
    parser = SqlglotDialect.get_or_raise(dialect).parser_class
    plain = {token.name.lower() for token in parser.NO_PAREN_FUNCTIONS}
    clock = {"current_datetime", "current_catalog", "current_role", "current_schema"}
    assert plain - FUNCTIONS[dialect] <= clock
    assert set(parser.NO_PAREN_FUNCTION_PARSERS) <= {
        "ANY",
        "CASE",
        "CONNECT_BY_ROOT",
        "IF",
        "MAP",
        "NEXT",
        "VARIADIC",
        "@",
    }


_SHREDS = st.sampled_from(
    [*"'\"`[]()$;\\-/*#:.,{}\n\r\0 aEx1", "--", "/*", "*/", "$$", "$a$", "E'", "SELECT ", "DROP TABLE x"]
)


@given(st.lists(_SHREDS, max_size=40).map("".join), st.sampled_from(DIALECTS))
def test_no_text_makes_the_readers_fall_over(text: str, dialect: Dialect) -> None:
    read_query(text, dialect)
    writes(text, None)
    found = pieces(text, LEXIS[dialect], strict=False)
    assert all(text[piece.start : piece.end] == piece.text for piece in found)


@given(st.text(max_size=30), st.sampled_from(DIALECTS))
def test_what_stands_in_a_quoted_string_changes_nothing(text: str, dialect: Dialect) -> None:
    """Where it is let through at all, it is still one statement that reads one table."""
    query = read_query(f"SELECT '{text.replace(chr(39), chr(39) * 2)}' FROM orders", dialect)
    assert query.fault or [table[-1].lower() for table in query.tables] == ["orders"]


@given(st.text(max_size=30))
def test_what_stands_in_a_dollar_quoted_string_changes_nothing(text: str) -> None:
    query = read_query(f"SELECT $q${text}$q$ FROM orders", "postgres")
    assert query.fault or query.tables == {("orders",)}


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT pg_sleep(9)", "nobody knows what the function `pg_sleep` does"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT * FROM orders FOR UPDATE", "'UPDATE' does not belong into a query that only reads"),
        ("SELECT * FROM pg_shadow", "`pg_shadow` is one of the database's own"),
        ("SELECT 'abc", "does not close"),
        ("SHOW x", "it begins with 'show', not with SELECT"),
        ("SELECT /*+ x */ 1", "a comment that a database may obey"),
        ("SELECT 'a\\' || x || ' AS b --'", "depends on the server's settings"),
    ],
)
def test_the_reason_says_what_was_wrong(query: str, why: str) -> None:
    assert why in read_query(query, "postgres").fault


def test_a_parser_that_falls_over_has_not_read_it() -> None:
    assert "cannot be parsed" in read_query("SELECT " + "NOT " * 1500 + "1", "postgres").fault
