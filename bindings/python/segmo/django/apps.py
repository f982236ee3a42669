"""What INSTALLED_APPS = ["segmo.django"] finds."""
from django.apps import AppConfig  # type: ignore[import]

from ._client import settings


class SegmoConfig(AppConfig):  # type: ignore[misc]
    name = "segmo.django"
    label = "segmo"
    verbose_name = "segmo"

    def ready(self) -> None:
        """A wrong setting is told at the start, not with the first message."""
        settings()
