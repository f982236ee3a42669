"""Order and outcomes under scripted answers, the short form of `make order`."""
import random
import sys

import pytest

from harness import ROOT, SANITIZED

sys.path.insert(0, str(ROOT / "tests" / "torture"))

import order  # noqa: E402

SEEDS = 4 if SANITIZED else 20


def test_each_event_has_one_outcome_and_each_user_one_order_whatever_is_answered(program):
    if not order.PRODUCER.exists():
        pytest.skip("not run: %s is not built" % order.PRODUCER)
    wrong, repeated = order.run_all([random.randrange(1 << 32) for _ in range(SEEDS)])
    assert wrong == []
    assert repeated > 0, "no connection was cut behind a request that was taken"
