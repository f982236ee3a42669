"""kill -9 at random moments, the short form of `make torture`: every part of it with a handful of kills."""
import random
import sys

import pytest

from harness import ROOT, SANITIZED

sys.path.insert(0, str(ROOT / "tests" / "torture"))

import kills  # noqa: E402

KILLS = 3 if SANITIZED else 8


@pytest.mark.parametrize("part", kills.PARTS)
def test_kills_lose_nothing_and_double_no_more_than_was_in_flight(program, part):
    if not kills.PRODUCER.exists():
        pytest.skip("not run: %s is not built" % kills.PRODUCER)
    seed = random.randrange(1 << 32)
    found = kills.run(part, KILLS, seed)
    assert found.kills >= KILLS and found.accepted > 0
    assert found.lost == 0, "seed %d" % seed
    assert found.doubled <= found.allowed, "seed %d" % seed
