"""Permissions: what may a query that only reads be made of? An allow-list of sqlglot's nodes; the rest is asked."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from midwatch.policy.sql.functions import FUNCTIONS
from midwatch.policy.sql.lexis import Dialect

_KNOWN: Final[tuple[type[exp.Expr], ...]] = (
    # statements and clauses
    exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Subquery, exp.Values, exp.With, exp.CTE, exp.From, exp.Join,
    exp.Lateral, exp.Table, exp.TableAlias, exp.TableSample, exp.Where, exp.Group, exp.GroupingSets, exp.Cube,
    exp.Rollup, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit, exp.LimitOptions, exp.Offset, exp.Fetch,
    exp.Distinct, exp.Pivot, exp.ForClause, exp.XMLKeyValueOption, exp.IndexTableHint, exp.Window, exp.WindowSpec,
    exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls, exp.HavingMax,
    # names and values
    exp.Alias, exp.PivotAlias, exp.Identifier, exp.Column, exp.ColumnDef, exp.Star, exp.Var, exp.Literal, exp.National,
    exp.HexString, exp.BitString, exp.ByteString, exp.RawString, exp.Null, exp.Boolean, exp.Parameter,
    exp.SessionParameter, exp.Placeholder, exp.Tuple, exp.Paren, exp.DataType, exp.DataTypeParam, exp.Interval,
    exp.IntervalSpan, exp.ObjectIdentifier,
    # operators; every two-sided one is a Binary
    exp.Not, exp.Neg, exp.BitwiseNot, exp.Between, exp.In, exp.Is, exp.Escape, exp.AtTimeZone, exp.FromTimeZone,
    exp.Bracket, exp.Slice, exp.All, exp.Any, exp.Lambda,
    # JSON
    exp.JSONKeyValue, exp.JSONPath, exp.JSONPathPart, exp.JSONColumnDef, exp.JSONSchema, exp.JSONValue, exp.FormatJson,
    exp.OnCondition, exp.OpenJSONColumnDef, exp.PathColumnConstraint, exp.JSON,
)  # fmt: skip
_UNKNOWN: Final[tuple[type[exp.Expr], ...]] = (
    exp.Operator, exp.NextValueFor, exp.AnonymousAggFunc, exp.CombinedAggFunc, exp.ParameterizedAgg, exp.DynamicIdentifier,
    exp.ReadCSV, exp.ReadParquet, exp.Predict, exp.MatchAgainst,
)  # fmt: skip
"""Among functions and operators: those that reach further than their name in the text says."""
_GENTLE_HINTS: Final = frozenset({"NOLOCK", "READUNCOMMITTED", "READCOMMITTED", "READPAST"})
"""SQL Server's table hints that lock nothing."""


def strange_node(tree: exp.Expr, dialect: Dialect) -> str:
    """What is wrong with the first node that is not known to only read; "" when all are."""
    return next((why for node in tree.walk() if (why := _strange(node, dialect))), "")


def _strange(node: exp.Expr, dialect: Dialect) -> str:
    match node:
        case exp.MatchAgainst():
            return "" if dialect in ("mysql", "postgres") else "`MATCH` is not known to only read"
        case exp.Anonymous():
            name = node.name.lower()
            return "" if name in FUNCTIONS[dialect] | {"row"} else f"nobody knows what the function `{name}` does"
        case exp.DataType():
            return "a type of somebody's own" if node.this == exp.DType.USERDEFINED else ""
        case exp.WithTableHint():
            gentle = all(hint.name.upper() in _GENTLE_HINTS for hint in node.expressions)
            return "" if gentle else "a hint that may lock"
        case exp.In() if node.args.get("field") and dialect != "duckdb":
            return "`IN` before a name, which may be a table's"
        case exp.QueryOption():
            return "" if isinstance(node.parent, exp.ForClause) else "an option of the query"
        case exp.TableAlias() if isinstance(node.parent, exp.Table) and not node.name:
            return "a call that the parser takes for a table"
        case exp.Cube() | exp.Rollup():
            return "" if isinstance(node.parent, exp.Group | exp.GroupingSets) else "a function of somebody's own"
        case exp.CTE():
            return "" if isinstance(node.this, exp.Query) else "a CTE that is no query"
        case exp.Identifier() if dialect == "snowflake" and node.name.lower() == "nextval":
            return "`nextval` moves a sequence on"
        case _ if isinstance(node, _UNKNOWN) or not isinstance(node, (*_KNOWN, exp.Binary, exp.Func)):
            return f"`{type(node).__name__}` is not known to only read"
        case _:
            return ""
