"""Monitoring: which checks look at files? A path pattern has `*` within one name and `**` for any folders."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from midwatch.contract.strict import STRICT


class _Strict(BaseModel):
    model_config = STRICT


class FileContent(_Strict):
    """What a file must be like."""

    newer_than_start: bool = False
    """Modified after the run began."""
    contains: list[str] = []
    """Every text must occur."""
    min_bytes: Annotated[int, Field(ge=0)] = 0
    json_schema: dict[str, Any] | str | None = None
    """The file is JSON and validates: the schema itself, or the path of its file."""


class FileCheck(FileContent):
    """A file, read back from the disk."""

    path: str
    """Relative to the project; `{date}` and `{input.NAME}` are filled in."""
    exists: bool = True


class FilesCheck(FileContent):
    """All files that a pattern means: how many there are, and what each of them is like."""

    glob: str
    """Relative to the project; places are filled in as in a path."""
    at_least: Annotated[int, Field(ge=0)] | None = None
    """None: one, or none where there is an `at_most` alone."""
    at_most: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> FilesCheck:
        if self.at_most is not None and (self.at_least or 0) > self.at_most:
            raise ValueError(f"no folder has at least {self.at_least} and at most {self.at_most} files")
        return self

    @property
    def least(self) -> int:
        """How many must be there."""
        if self.at_least is not None:
            return self.at_least
        return 1 if self.at_most is None else 0


class UnchangedCheck(_Strict):
    """Nothing in a folder is other than it was when the run began, apart from what is named."""

    within: str = "."
    """A folder of the project."""
    apart_from: list[str] = []
    """Patterns, relative to the project."""

    @model_validator(mode="after")
    def _one_folder(self) -> UnchangedCheck:
        if "*" in self.within:
            raise ValueError(f"`within` is one folder, not a pattern: {self.within!r}")
        return self


class OnePlaceCheck(_Strict):
    """Every file of `inputs` as the run found them is afterwards in exactly one place, byte for byte."""

    inputs: str
    """A pattern, relative to the project."""
    places: Annotated[list[str], Field(min_length=1)]
    """Patterns. The inputs' own is a place only where it is named here, too."""
