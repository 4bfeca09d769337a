from pathlib import Path

import pytest

from midwatch.errors import SpecError
from midwatch.named_function import named_function


def test_a_name_leads_to_its_function() -> None:
    assert named_function("os.path:basename")("a/b") == "b"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("os.path", "not `module:function`"),
        ("os.path:basenme", "did you mean `basename`"),
        ("os.path:sep", "no function"),
        ("no_such_module_of_mine:f", "no module 'no_such_module_of_mine'"),
    ],
)
def test_a_wrong_name_says_what_is_wrong(name: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        named_function(name, field="tools[0].python")
    assert caught.value.field == "tools[0].python"


def test_a_module_that_fails_to_import_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_on_import.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SpecError, match="ZeroDivisionError"):
        named_function("broken_on_import:f")
