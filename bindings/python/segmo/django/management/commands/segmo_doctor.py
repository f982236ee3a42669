"""manage.py segmo_doctor"""
from typing import Any, Dict

from django.core.management.base import BaseCommand, CommandError

from ...._inspect import probe, sources
from ....errors import SegmoError
from ..._client import settings

TIMEOUT_S = 10


class Command(BaseCommand):
    help = "What would keep messages from arriving: settings, spool directory, destinations. Sends no message."

    def handle(self, *_: Any, **options: Any) -> None:
        self._failed = 0
        config = settings().config()
        try:
            settings().open_client().close(0)
            self._tell(True, "spool directory and settings are in order")
            for source in sources(config):
                for answer in probe(config, TIMEOUT_S, source):
                    self._tell_answer(answer)
        except SegmoError as error:
            self._tell(False, str(error))
        if settings().export_secret:
            self._tell(True, "the campaign export has a secret")
        if self._failed:
            raise CommandError(f"{self._failed} of these must be mended")

    def _tell_answer(self, answer: Dict[str, Any]) -> None:
        place = f"{answer['destination']} at {answer['url']}"
        if not answer["status"]:
            self._tell(False, f"{place}: no answer: {answer['error']}")
        elif answer["authenticated"] is False:
            self._tell(False, f"{place}: the credentials are wrong (status {answer['status']})")
        else:
            self._tell(True, f"{place} answers in {answer['latency_ms']} ms")

    def _tell(self, fine: bool, words: str) -> None:
        self._failed += not fine
        self.stdout.write(f"{'OK' if fine else 'FAIL':<6}{words}")
