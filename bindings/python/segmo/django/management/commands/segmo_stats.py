"""manage.py segmo_stats"""
import json
from typing import Any

from django.core.management.base import BaseCommand

from ...._inspect import spool
from ..._client import settings


class Command(BaseCommand):
    help = "What waits in the spool directory and what died, of all processes. Changes nothing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *_: Any, **options: Any) -> None:
        told = spool(settings().config())
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        destinations = told.pop("destinations")
        for name, value in told.items():
            self.stdout.write(f"{name.replace('_', ' '):<20}{value:>10}")
        self.stdout.write(f"\n{'destination':<20}" + "".join(f"{name:>10}" for name in STATES))
        for name, counts in destinations.items():
            self.stdout.write(f"{name:<20}" + "".join(f"{counts[state]:>10}" for state in STATES))


STATES = ("pending", "delivered", "dead", "skipped")
