"""manage.py segmo_flush"""
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ..._client import client


class Command(BaseCommand):
    help = ("Sends what ended processes left in the spool directory, and waits for it. Running processes send "
            "their own. Fails when something is still pending.")

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS", help="default: 60")

    def handle(self, *_: Any, **options: Any) -> None:
        done = client.flush(options["timeout"])
        for name, counts in client.stats()["destinations"].items():
            self.stdout.write(f"{name}: {counts['delivered']} delivered, {counts['dead']} dead, "
                              f"{counts['pending']} pending, {counts['skipped']} skipped")
        if not done:
            raise CommandError(f"something is still pending after {options['timeout']:g} s; it stays in the spool")
