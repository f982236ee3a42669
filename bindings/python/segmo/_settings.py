"""Settings of a web framework: options of the client, and what the integration itself wants to know."""
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Callable, Dict, List, Mapping, Optional, TypeVar

from . import _options
from ._export import MAX_BYTES, Secrets
from .client import Client
from .errors import OptionError

CLIENT_KEYWORDS = ("config_file", "on_error", "on_report", "report_thread")
Made = TypeVar("Made")


@dataclass(repr=False)  # it holds secrets
class Settings:
    """Every integration knows these; anything else is an option of segmo.Client.

    trusted_proxies   how many proxies stand before the server: as many entries of X-Forwarded-For, from its
                      end, are believed
    user_id           of a request: the id of the user, or None
    export_secret     what MoEngage sends with the campaign export; a list while one replaces another
    export_source     the source of the campaign export, where the client has several
    export_max_bytes  a larger post is refused
    """

    trusted_proxies: int = 0
    user_id: Optional[Callable[..., Any]] = None
    export_secret: Secrets = ()
    export_source: Optional[str] = None
    export_max_bytes: int = MAX_BYTES
    options: Dict[str, Any] = field(default_factory=dict)

    def config(self) -> Any:
        """A segmo_config. Raises OptionError, IoError, JsonError."""
        options = {name: value for name, value in self.options.items() if name not in CLIENT_KEYWORDS}
        return _options.new_config(self.options.get("config_file"), options)

    def open_client(self) -> Client:
        return Client(**self.options)

    def export(self, client: Client, make: Callable[..., Made]) -> Made:
        """What `make` (Export, or a CampaignExport) makes with these settings. Raises OptionError without a secret."""
        if not self.export_secret:
            raise OptionError("the campaign export needs a secret: anyone could post events otherwise", "export_secret")
        return make(client, self.export_secret, source=self.export_source, max_bytes=self.export_max_bytes)


def read(given: Mapping[str, Any]) -> Settings:
    """Raises OptionError for a name that nobody knows and for values that options refuse; opens nothing."""
    own = [each.name for each in fields(Settings) if each.name != "options"]
    known = [*own, *CLIENT_KEYWORDS, *_options.keywords()]
    for name in given:
        if name not in known and not _options.is_passed(name):
            raise OptionError(_unknown(name, known), name)
    settings = Settings(options={name: value for name, value in given.items() if name not in own},
                        **{name: value for name, value in given.items() if name in own})
    settings.config()
    return settings


def _unknown(name: str, known: List[str]) -> str:
    nearest = get_close_matches(name, known, 1, 0)[0]
    return f"there is no such setting; the nearest is {nearest}"
