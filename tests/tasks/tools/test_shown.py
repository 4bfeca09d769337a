from hypothesis import given
from hypothesis import strategies as st

from tasks.tools.shown import HeadAndTail, head_and_tail


def test_a_short_text_is_shown_whole() -> None:
    assert head_and_tail("abc", 3) == "abc"


def test_a_long_text_says_how_much_is_missing() -> None:
    assert head_and_tail("a" * 10 + "b" * 10, 4) == "aa\n[... 16 characters left out ...]\nbb"


@given(chunks=st.lists(st.binary(max_size=20)), half=st.integers(1, 12))
def test_a_stream_keeps_its_beginning_and_its_end_in_bounded_memory(chunks: list[bytes], half: int) -> None:
    shown = HeadAndTail(half=half)
    for chunk in chunks:
        shown.add(chunk)
    whole = b"".join(chunks)
    assert shown.total == len(whole)
    if len(whole) <= 2 * half:
        assert shown.text() == whole.decode("utf-8", "replace")
    else:
        note = f"\n[... {len(whole) - 2 * half} bytes left out ...]\n".encode()
        assert shown.text() == (whole[:half] + note + whole[-half:]).decode("utf-8", "replace")
