"""What the SQL matcher allows, put to real databases that would say no: mutants of queries that read, of others, of writes."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from midwatch.policy.sql.functions import FUNCTIONS
from midwatch.policy.sql.lexis import Dialect
from midwatch.policy.sql.reads import read_query
from tests.midwatch.ledger.conftest import postgres_socket
from tests.midwatch.policy.sql_cases import OTHERS, READS, WRITES

__all__ = ["postgres_socket"]

FRAGMENTS = (
    *"()[]{},;.'\"`\\#@*=1",
    *("--", "--\n", "/*", "*/", "/*!", "/**/", "$$", "$a$", "E'", "::", ":=", "'a'", "\n", "\t", "\x0c", "é"),
    *(
        "SELECT",
        "FROM",
        "AS",
        "UNION",
        "WITH",
        "VALUES (1)",
        "LIMIT 1",
        "ORDER BY",
        "CASE WHEN",
        "END",
        "CAST(",
        "ARRAY[",
    ),
    *("LATERAL", "ONLY", "TABLE", "EXPLAIN", "ANALYZE", "FOR UPDATE", "FOR SHARE", "INTO x", "RETURNING *", "USING"),
    *(
        "DELETE FROM orders",
        "INSERT INTO orders VALUES (1)",
        "DROP TABLE orders",
        "nextval('s')",
        "evil(1)",
        "evil",
        "AS evil(a)",
    ),
    *("FILTER (WHERE evil(1) IS NULL)", "OVER (ORDER BY evil(1))", "ROWS FROM (evil(1))", "evil(a)", "AS evil(a)"),
    *("secrets", '"secrets"', "SECRETS", "public.secrets", ", secrets", "JOIN secrets ON true", "TABLE secrets"),
    *(
        "SELECT * FROM secrets",
        "WITH orders AS (SELECT * FROM secrets)",
        "WITH secrets AS (SELECT 1)",
        "secrets AS (SELECT 1)",
    ),
    *("WITH RECURSIVE secrets AS (SELECT 1)", "orders AS (", "IN (SELECT x FROM secrets)"),
)
_TOKEN = re.compile(r"\s+|\w+|'[^']*'|\"[^\"]*\"|.", re.DOTALL)


@st.composite
def mutants(draw: st.DrawFn, dialect: Dialect) -> str:
    bases = [
        query for query in (*READS[dialect], *READS[dialect], *OTHERS[dialect], *WRITES[dialect]) if len(query) < 300
    ]
    tokens = _TOKEN.findall(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(tokens)))
        match draw(st.sampled_from(["insert", "replace", "drop", "splice"])):
            case "insert":
                tokens.insert(place, f" {draw(st.sampled_from(FRAGMENTS))} ")
            case "replace":
                tokens[place : place + 1] = [draw(st.sampled_from(FRAGMENTS))]
            case "drop":
                del tokens[place : place + 1]
            case _:
                other = _TOKEN.findall(draw(st.sampled_from(bases)))
                tokens[place:place] = other[draw(st.integers(0, len(other))) :][:8]
    return "".join(tokens)


COLUMNS = "id, total, status, customer_id, note, name, a, b, c, x, i, data, tags, created_at, updated_at, deleted, paid"
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
OPERATORS = {"->", "->>", "glob", "like", "match", "regexp"}


class Lite:
    """A SQLite that keeps what its authorizer was asked for, and which tables a query would open."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []
        self.connection = sqlite3.connect(":memory:")
        for table in ("orders", "customers", "old_orders", "secrets"):
            self.connection.execute(f"CREATE TABLE {table} ({COLUMNS})")
        roots = self.connection.execute("SELECT rootpage, name FROM sqlite_master")
        self.tables = {1: "sqlite_master", **{root: str(name) for root, name in roots}}
        self.connection.create_function("evil", 1, abs)
        self.connection.create_function("regexp", 2, lambda pattern, text: pattern == text)
        self.connection.execute(
            "SELECT * FROM json_each('[]'), json_tree('[]')"
        )  # their first use asks to write the schema
        self.connection.set_authorizer(self._authorize)

    def _authorize(self, action: int, _first: str | None, second: str | None, *_where: str | None) -> int:
        self.asked.append((action, (second or "").lower()))
        return sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY

    def opened(self, query: str) -> set[str]:
        """The tables. The query is compiled and not run, so a recursive one need not end."""
        self.asked.clear()
        try:
            program = self.connection.execute(f"EXPLAIN {query}").fetchall()
        except (sqlite3.Error, ValueError):
            event("refused by SQLite")
            return set()
        return {self.tables[step[3]] for step in program if step[1] == "OpenRead"}


@pytest.fixture(scope="module")
def lite() -> Iterator[Lite]:
    database = Lite()
    yield database
    database.connection.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=mutants("sqlite"))
def test_sqlite_opens_what_is_named_and_is_asked_for_nothing_but_reading(lite: Lite, query: str) -> None:
    said = read_query(query, "sqlite")
    if said.fault:
        return
    event("allowed")
    assert lite.opened(query) <= {table[-1] for table in said.tables}
    assert {action for action, _ in lite.asked} <= READING
    called = {function for action, function in lite.asked if action == sqlite3.SQLITE_FUNCTION}
    assert called <= FUNCTIONS["sqlite"] | OPERATORS


SETUP = f"""
    CREATE TABLE orders ({", ".join(f"{name.strip()} text" for name in COLUMNS.split(","))});
    CREATE TABLE customers (id int, name text, country text, customer_id int);
    CREATE TABLE secrets (x int, token text);
    CREATE SEQUENCE s;
    CREATE FUNCTION evil(anyelement) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
    REVOKE EXECUTE ON FUNCTION evil FROM PUBLIC;
    CREATE ROLE reader LOGIN;
    GRANT USAGE ON SCHEMA public TO reader;
    GRANT SELECT ON orders, customers TO reader;
    """
VOLATILE = """
    SELECT oid::regprocedure::text AS signature, proname AS name FROM pg_proc
    WHERE provolatile = 'v' AND prokind = 'f' AND pronamespace = 'pg_catalog'::regnamespace
    """
READABLE = {("orders",), ("customers",)}


class Reader:
    """A PostgreSQL role that may read two tables and call no function that changes anything but those on the list."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._loop = asyncio.new_event_loop()
        self.volatile: set[str] = set()
        self._connection = self._loop.run_until_complete(self._open())

    async def _open(self) -> asyncpg.Connection:
        host = {"host": str(self._socket)}
        owner = await asyncpg.connect(**host, user="midwatch", database="postgres")
        await owner.execute("DROP DATABASE IF EXISTS reading")
        await owner.execute("DROP ROLE IF EXISTS reader")
        await owner.execute("CREATE DATABASE reading")
        await owner.close()
        owner = await asyncpg.connect(**host, user="midwatch", database="reading")
        await owner.execute(SETUP)
        for row in await owner.fetch(VOLATILE):
            self.volatile.add(row["name"])
            if row["name"] not in FUNCTIONS["postgres"]:
                await owner.execute(f"REVOKE EXECUTE ON FUNCTION {row['signature']} FROM PUBLIC")
        await owner.close()
        reader = await asyncpg.connect(**host, user="reader", database="reading")
        await reader.execute("SET default_transaction_read_only = on; SET statement_timeout = '300ms'")
        return reader

    def objection(self, query: str, setting: str) -> str:
        """The SQLSTATE of what PostgreSQL has against `query`; "" for nothing."""
        return self._loop.run_until_complete(self._objection(query, setting))

    async def _objection(self, query: str, setting: str) -> str:
        await self._connection.execute(f"SET standard_conforming_strings = {setting}")
        try:
            await self._connection.execute(query)
        except asyncpg.PostgresError as error:
            return str(error.sqlstate)
        assert not self._connection.is_in_transaction()
        return ""

    def close(self) -> None:
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


@pytest.fixture(scope="module")
def reader(postgres_socket: Path) -> Iterator[Reader]:
    role = Reader(postgres_socket)
    yield role
    role.close()


@pytest.mark.postgres
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=mutants("postgres"), setting=st.sampled_from(["on", "off"]))
def test_postgresql_finds_no_write_no_other_table_and_no_other_function(
    reader: Reader, query: str, setting: str
) -> None:
    said = read_query(query, "postgres")
    if said.fault or not said.tables <= READABLE:
        return
    event("allowed")
    assert reader.objection(query, setting) not in (
        "25006",
        "42501",
    )  # read_only_sql_transaction, insufficient_privilege


@pytest.mark.postgres
def test_no_function_on_the_list_changes_anything_in_postgresql(reader: Reader) -> None:
    assert reader.volatile & FUNCTIONS["postgres"] == {"clock_timestamp", "gen_random_uuid", "random", "timeofday"}
