from __future__ import annotations

import pytest

from cli.run import _object
from midwatch.errors import SpecError


@pytest.mark.parametrize("text", ["[1]", "{", '{"n": 20000000000000000000}', '{"n": 1e999}', '{"n": NaN}'])
def test_an_input_that_prefect_cannot_keep_is_refused_before_a_run_is_made(text: str) -> None:
    with pytest.raises(SpecError, match="--input"):
        _object(text)
