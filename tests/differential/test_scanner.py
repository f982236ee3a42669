"""The short form of `make differential`."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import scanner  # noqa: E402


def test_scanner_and_python_agree_but_for_what_is_documented():
    kinds, differences = scanner.compare(20_000, seed=6)
    assert differences == []
    wanted = {"accepted", "refused", "equal keys", "more than 64 levels", "NaN or Infinity", "a number that overflows",
              "a lone surrogate"}
    assert {kind for kind in wanted if kinds[kind] >= 20} == wanted  # each kind was really there


def test_a_difference_is_told():
    words, _ = scanner.difference(b'{"a":1}', None)
    assert "refuses" in words
    words, _ = scanner.difference(b'{"a":1,}', b'{"a":1}')
    assert "accepts" in words
    words, _ = scanner.difference(b'{"a": 1}', b'{"a":2}')
    assert "compact" in words
