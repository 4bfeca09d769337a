"""Monitoring: what "done" means, as data. Every check is one key; `tasks/monitoring` reads the world to answer it."""

from midwatch.contract.check import INVARIANT_KINDS, Check, Contract, Kind, Part
from midwatch.contract.figures import ChangeCheck, EffectsCheck, SqlCheck, SqlQuery
from midwatch.contract.files import FileCheck, FileContent, FilesCheck, OnePlaceCheck, UnchangedCheck
from midwatch.contract.finding import Finding
from midwatch.contract.programs import CommandCheck, HttpCheck

__all__ = [
    "INVARIANT_KINDS",
    "ChangeCheck",
    "Check",
    "CommandCheck",
    "Contract",
    "EffectsCheck",
    "FileCheck",
    "FileContent",
    "FilesCheck",
    "Finding",
    "HttpCheck",
    "Kind",
    "OnePlaceCheck",
    "Part",
    "SqlCheck",
    "SqlQuery",
    "UnchangedCheck",
]
