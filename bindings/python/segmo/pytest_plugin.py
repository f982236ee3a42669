"""What pytest finds when segmo is installed: the fixture segmo_events."""
import os
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

if TYPE_CHECKING:
    from .testing import Events


@pytest.fixture
def segmo_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Events]":
    """The messages that this test's code sends, instead of sending them (segmo.testing.Events).

        segmo_events.assert_tracked("Order Completed", user_id="u-1", properties=partial(total=9.99))

    No client of the process sends or stores anything meanwhile; one that is made in the test has its spool in
    the test's own directory.
    """
    from .testing import recording
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "segmo-state"))
    if "SEGMO_SPOOL_DIR" in os.environ:
        monkeypatch.setenv("SEGMO_SPOOL_DIR", str(tmp_path / "segmo-spool"))
    with recording() as events:
        yield events
