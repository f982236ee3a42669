"""For Flask.

    app.config["SEGMO"] = {"segment_write_key": "...", "trusted_proxies": 1}
    segmo = Segmo(app)
    segmo.client.track(event="Searched", properties={"query": query})      # the user of the request

app.config["SEGMO"] holds options of segmo.Client (docs/reference/options.md) and, where wanted, trusted_proxies,
user_id (a function without arguments that is asked while a request is answered), export_secret, export_source
and export_max_bytes.
"""
from functools import partial
from typing import Any, Callable, Optional, cast

from flask import Flask, Response, current_app, has_request_context, request

from . import _settings
from .client import Client
from .wsgi import CampaignExport, Environ, RequestContext


class Segmo:
    """The client of an application, and request context for what it sends. `app` may follow with init_app().

    Raises OptionError for an unknown setting, with the nearest one, and what segmo.Client raises.
    """

    def __init__(self, app: Optional[Flask] = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        settings = _settings.read(app.config.get("SEGMO", {}))
        app.extensions["segmo"] = settings.open_client()
        app.wsgi_app = RequestContext(  # type: ignore[assignment]
            app.wsgi_app, trusted_proxies=settings.trusted_proxies,
            user_id=partial(_ask, settings.user_id) if settings.user_id else None)

    @property
    def client(self) -> Client:
        """The client of the current application. One for a process; fork needs no care."""
        return cast(Client, current_app.extensions["segmo"])

    def add_campaign_export(self, app: Flask, path: str) -> None:
        """An address for MoEngage Streams to post to, with SEGMO["export_secret"]: see segmo.wsgi.CampaignExport."""
        export = _settings.read(app.config.get("SEGMO", {})).export(app.extensions["segmo"], CampaignExport)
        app.add_url_rule(path, "segmo_campaign_export", lambda: Response.from_app(export, request.environ),
                         methods=["POST"])


def _ask(user_id: Callable[[], Any], environ: Environ) -> Any:
    """None while a response streams after its request."""
    return user_id() if has_request_context() else None
