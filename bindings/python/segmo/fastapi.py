"""For FastAPI (and Starlette).

    segmo = Segmo(app, segment_write_key="...", trusted_proxies=1,
                  user_id=lambda request: getattr(request.state, "user_id", None))

    @app.post("/search")
    async def search(query: str, client: Client = Depends(segmo)) -> None:
        client.track(event="Searched", properties={"query": query})        # the user of the request
"""
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from . import _settings
from .asgi import CampaignExport, FlushAtShutdown, RequestContext, Scope
from .client import Client


class Segmo:
    """The client of an application, and request context for what it sends. As a dependency it is the client.

    settings  options of segmo.Client (docs/reference/options.md) and, where wanted, trusted_proxies, user_id
              (a function of the request), export_secret, export_source and export_max_bytes

    Calls of the client never wait for the network, so coroutines may make them. Raises OptionError for an
    unknown setting, with the nearest one, and what segmo.Client raises.
    """

    def __init__(self, app: Starlette, **settings: Any) -> None:
        self._app = app
        self._settings = _settings.read(settings)
        self.client = self._settings.open_client()
        app.add_middleware(FlushAtShutdown, client=self.client)
        app.add_middleware(RequestContext, trusted_proxies=self._settings.trusted_proxies,
                           user_id=self._user_id if self._settings.user_id else None)

    def _user_id(self, scope: Scope) -> Any:
        assert self._settings.user_id
        return self._settings.user_id(HTTPConnection(scope))

    def __call__(self) -> Client:
        return self.client

    def add_campaign_export(self, path: str) -> None:
        """An address for MoEngage Streams to post to, with `export_secret`: see segmo.asgi.CampaignExport."""
        self._app.router.add_route(path, self._settings.export(self.client, CampaignExport), include_in_schema=False)
