"""Monitoring: could the contract be checked at all? Asked before a run, without running any of its checks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from midwatch.contract import Check, Contract, SqlQuery
from midwatch.errors import SpecError
from midwatch.named_function import named_function
from tasks.monitoring.checks.file import schema_of
from tasks.monitoring.checks.sql import read_only
from tasks.monitoring.contract import title


def contract_faults(contract: Contract, *, project: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """One line for everything that would keep a check from looking: a missing program, function, variable, schema."""
    return [
        f"{title(check)}: {fault}"
        for check in (*contract.noop_when, *contract.done_when, *contract.invariants)
        for fault in _faults(check, project, environment)
    ]


def _faults(check: Check, project: Path, environment: Mapping[str, str]) -> Iterator[str]:
    query = _query(check)
    try:
        if check.python is not None:
            named_function(check.python)
        if query is not None:
            read_only(environment.get(query.url_env, ""), project=project)
        content = check.file or check.files
        if content is not None and content.json_schema is not None:
            Draft202012Validator.check_schema(schema_of(content.json_schema, project))
    except SpecError as error:
        yield f"${query.url_env} {error}" if query else str(error)
    except SchemaError as error:
        yield f"its JSON schema is none: {error.message}"
    except (OSError, ValueError) as error:
        yield f"its JSON schema cannot be read: {error}"
    if check.command is not None and not _program(check.command.argv[0], project):
        yield f"there is no program {check.command.argv[0]!r}"


def _query(check: Check) -> SqlQuery | None:
    return check.sql or (check.change.sql if check.change else None)


def _program(name: str, project: Path) -> bool:
    """Found as the check itself will find it: on PATH, or by a path that starts in the project."""
    return bool(shutil.which(name if "/" not in name else str(project / name)))
