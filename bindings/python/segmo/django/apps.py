"""What INSTALLED_APPS = ["segmo.django"] finds."""
from django.apps import AppConfig

from ._client import settings


class SegmoConfig(AppConfig):
    name = "segmo.django"
    label = "segmo"
    verbose_name = "segmo"

    def ready(self) -> None:
        """A wrong setting is told at the start, not with the first message."""
        settings()
