"""Permissions: does a query only read, and which tables? sqlglot's tree, and the own reader's pieces, must both say so.

sqlglot is laxer than any database: `SELECT 1 DELETE FROM t` is a column called DELETE to it, and two statements to SQL
Server. So nothing counts that it merely did not mind: every node of the tree is of a known kind, every call is of a known
function by the name that stands in the text, every string, name and comment begins and ends where the own reader has it,
and words that begin a statement stand nowhere.
"""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel
from sqlglot.tokenizer_core import Token

from midwatch.policy.sql.functions import CLAUSES, FUNCTIONS, OPENERS, RESERVED, SIZED_TYPES
from midwatch.policy.sql.lexis import LEXIS, MAX_CHARACTERS, SETTINGS, Dialect, Piece, Unreadable, pieces, vocabulary
from midwatch.policy.sql.nodes import strange_node
from midwatch.policy.sql.tables import Table, UnknownTable, base_tables

MAX_PIECES: Final = 4_000
MAX_DEPTH: Final = 60
"""Of brackets: a parser that calls itself for each must not run out of stack."""

_LOG: Final = logging.getLogger("sqlglot")
_STARTS: Final = frozenset({"select", "with", "values", "table", "("})
_TABLE_STATEMENT: Final[frozenset[Dialect]] = frozenset({"duckdb", "mysql", "postgres"})
"""Where `TABLE orders` is a query."""
_EXPLAINED: Final[dict[Dialect, frozenset[str]]] = {
    "duckdb": vocabulary("explain analyze"),
    "mysql": vocabulary("explain describe desc analyze extended format = json tree traditional"),
    "postgres": vocabulary(
        """
        explain analyze analyse verbose costs settings buffers wal timing summary memory generic_plan format json text xml
        yaml on off true false
        """
    ),
    "snowflake": vocabulary("explain using json tabular text"),
    "sqlite": vocabulary("explain query plan"),
}
"""What may stand before the query that is explained. With ANALYZE it runs, and it is one that only reads."""

_CONVERTED: Final[dict[Dialect, frozenset[str]]] = {
    "mysql": vocabulary("binary char datetime decimal double float nchar real time"),
    "tsql": SIZED_TYPES,
}
"""Types that may begin an argument: `CONVERT(varchar(10), x)`. No user has a function of such a name there."""
_NOWHERE: Final = vocabulary(
    "into outfile dumpfile procedure insert update delete merge drop alter create grant revoke"
)
"""Outside quotes these are never part of a query that only reads, whatever sqlglot makes of them."""
_STATEMENTS: Final = vocabulary(
    """
    backup begin break bulk checkpoint close commit continue copy dbcc deallocate declare deny disable dump enable exec
    execute get goto if kill load lineno open print raiserror readtext receive reconfigure restore return revert rollback
    save send set setuser shutdown throw tran transaction truncate updatetext use waitfor while writetext
    """
)
"""SQL Server needs nothing between two statements; each of these begins one."""


class NotARead(Exception):
    """The text is no query that is known to only read; `str()` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What was made of a text."""

    fault: str = ""
    """Why it is not known to only read; "": it does."""
    tables: frozenset[Table] = frozenset()
    """Every table that it reads, as written."""


def read_query(text: str, dialect: Dialect) -> Query:
    """Never raises."""
    if len(text) > MAX_CHARACTERS:
        return Query(fault=f"it is longer than {MAX_CHARACTERS} characters")
    return _query(text, dialect)


@lru_cache(maxsize=64)
def _query(text: str, dialect: Dialect) -> Query:
    """Kept for a while: every rule about the same call asks for it."""
    try:
        return Query(tables=_read(text, dialect))
    except (NotARead, Unreadable, UnknownTable) as fault:
        return Query(fault=str(fault))
    except Exception as error:
        return Query(fault=f"it cannot be parsed as {dialect} ({type(error).__name__})")


def _read(text: str, dialect: Dialect) -> frozenset[Table]:
    _check_characters(text)
    text = _one_statement(text, dialect)
    found = _code(text, dialect)
    _check_settings(text, dialect, found)
    _check_words(found, dialect)
    _check_signs(found)
    _LOG.setLevel(logging.CRITICAL)  # its warnings repeat the agent's text, about what is refused here anyway
    _check_tokens(found, sqlglot.tokenize(text, read=dialect))
    (tree,) = sqlglot.parse(text, read=dialect, error_level=ErrorLevel.RAISE)
    if not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
        raise NotARead("it is no SELECT")
    if strange := strange_node(tree, dialect):
        raise NotARead(strange)
    _check_calls(found, tree, dialect)
    return base_tables(tree, dialect)


def _check_characters(text: str) -> None:
    plain = text.replace("\r\n", "\n").replace("\n", "").replace("\t", "")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in plain):
        raise NotARead("it contains a control character")


def _code(text: str, dialect: Dialect) -> list[Piece]:
    """The pieces without the comments, of which none may be one that some database executes or obeys."""
    found = pieces(text, LEXIS[dialect], strict=True)
    for piece in found:
        if piece.kind == "comment" and piece.text.startswith(("/*!", "/*+", "/*M!", "--+")):
            raise NotARead("it contains a comment that a database may obey")
    code = [piece for piece in found if piece.kind != "comment"]
    if len(code) > MAX_PIECES or _depth(code) > MAX_DEPTH:
        raise NotARead("it is too long or too deep to be sure of it")
    return code


def _depth(code: Sequence[Piece]) -> int:
    depth = deepest = 0
    for piece in code:
        depth += (piece.text in "([{") - (piece.text in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _one_statement(text: str, dialect: Dialect) -> str:
    """The query alone: without `EXPLAIN` before it and semicolons behind it."""
    code = _code(text, dialect)
    ends = [place for place, piece in enumerate(code) if piece.text == ";"]
    if ends:
        if any(piece.text != ";" for piece in code[ends[0] :]):
            raise NotARead("it is more than one statement")
        text, code = text[: code[ends[0]].start], code[: ends[0]]
    start = _after_explain(code, _EXPLAINED.get(dialect, frozenset()))
    first = code[start].text.lower() if len(code) > start else ""
    if first not in _STARTS and not (dialect == "duckdb" and first == "from"):
        raise NotARead(f"it begins with {first[:20]!r}, not with SELECT")
    return text[code[start].start :]


def _after_explain(code: Sequence[Piece], words: frozenset[str]) -> int:
    """Where the explained query begins; 0 where none is explained."""
    if not code or code[0].text.lower() not in words & {"explain", "describe", "desc"}:
        return 0
    place = 1
    if len(code) > 2 and code[1].text == "(" and code[2].text.lower() in words:
        while code[place].text.lower() in words | {"(", ","}:
            place += 1
        return place + (code[place].text == ")")
    while place < len(code) and code[place].text.lower() in words:
        place += 1
    return place


def _check_settings(text: str, dialect: Dialect, found: Sequence[Piece]) -> None:
    """A backslash before a quote must not hide anything from a server in its other mode."""
    if dialect not in SETTINGS or "\\" not in text:
        return
    other = [piece for piece in pieces(text, SETTINGS[dialect], strict=False) if piece.kind != "comment"]
    if [(p.start, p.end) for p in other] == [(p.start, p.end) for p in found]:
        return
    if any(piece.text == ";" for piece in other) or not any(piece.text in ("'", '"') for piece in other):
        raise NotARead("where its strings end depends on the server's settings")


def _check_words(found: Sequence[Piece], dialect: Dialect) -> None:
    nowhere = _NOWHERE | (_STATEMENTS if dialect == "tsql" else frozenset())
    nowhere |= frozenset() if dialect in _TABLE_STATEMENT else {"table"}
    for before, piece, following in zip([None, *found], found, [*found[1:], None], strict=False):
        if piece.kind != "word":
            continue
        if not piece.text.isascii() and _like_another(piece.text):
            raise NotARead(f"{piece.text!r} can be read as another word")
        word, behind = piece.text.lower(), following.text.lower() if following else ""
        if word not in nowhere or (behind == "(" and word in FUNCTIONS[dialect]):
            continue
        named = before is not None and before.text.lower() in (".", "as") and behind in ("", ",", ")", "from")
        if not named or dialect == "tsql":
            raise NotARead(f"{piece.text!r} does not belong into a query that only reads")


def _like_another(word: str) -> bool:
    """`\u0131n` is IN to whoever makes it upper case."""
    return unicodedata.normalize("NFKC", word) != word or word.upper().isascii() or word.lower().isascii()


def _check_signs(found: Sequence[Piece]) -> None:
    for first, second in pairwise(found):
        if first.end == second.start and first.text + second.text in (":=", "|>"):
            raise NotARead("it assigns a variable, or goes on behind a pipe")
    for before, dot, after in zip(found, found[1:], found[2:], strict=False):
        if dot.text == "." and dot.start != before.end and after.kind != "number":
            raise NotARead("a line that begins with a dot is a command to some clients")


def _check_tokens(found: Sequence[Piece], tokens: Sequence[Token]) -> None:
    """sqlglot must see every piece, cut nothing in two, and take each string and quoted name for one whole."""
    starts = {piece.start: place for place, piece in enumerate(found)}
    ends = {piece.end: place for place, piece in enumerate(found)}
    expected = 0
    for token in tokens:
        first, last = starts.get(token.start), ends.get(token.end + 1)
        if first != expected or last is None:
            raise NotARead("two readers disagree on where its words begin")
        if last > first and any(piece.kind in ("string", "name") for piece in found[first : last + 1]):
            raise NotARead("two readers disagree on where its strings end")
        expected = last + 1
    if expected != len(found):
        raise NotARead("two readers disagree on where it ends")


def _check_calls(found: Sequence[Piece], tree: exp.Expr, dialect: Dialect) -> None:
    """By the name that the database sees: sqlglot knows functions that the dialect does not have, and a user may."""
    named = Counter(alias.name for alias in tree.find_all(exp.TableAlias) if alias.args.get("columns"))
    for before, piece, following in zip([None, *found], found, found[1:], strict=False):
        if following.text != "(" or piece.kind not in ("word", "name"):
            continue
        name = piece.text if piece.kind == "word" else piece.text[1:-1]
        qualified = before is not None and before.text == "."
        if piece.kind == "word" and not qualified and _is_known(name.lower(), before, dialect):
            continue
        if qualified or not named[name]:
            raise NotARead(f"nobody knows what the function `{name}` does")
        named[name] -= 1


def _is_known(word: str, before: Piece | None, dialect: Dialect) -> bool:
    """A function of the list, or a word of the language where it is one."""
    if word in FUNCTIONS[dialect] or word in RESERVED:
        return True
    begins = before is None or before.text.lower() in OPENERS or (before.kind == "sign" and before.text not in ")]*:")
    if word in _CONVERTED.get(dialect, ()):
        return True
    return not begins and word in CLAUSES | SIZED_TYPES
