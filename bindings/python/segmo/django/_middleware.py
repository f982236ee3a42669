"""Request context for Django's requests, under WSGI and ASGI."""
import asyncio
from typing import Any, Callable

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.core.exceptions import SynchronousOnlyOperation
from django.utils.deprecation import MiddlewareMixin

from .._requests import Request, Visit, text_of
from ..context import carrying, carrying_through, carrying_through_async
from ..wsgi import header_of
from ._client import settings


class RequestContext(MiddlewareMixin):
    """Calls made while a request is answered get ip, userAgent, locale and page in their context, and the key
    of request.user as user id when they name no user.

    Stands behind AuthenticationMiddleware. Nothing is read before a message is made, except that the user of a
    session is loaded before an async view, and before a response that streams under ASGI: on an event loop a
    call could not load it.
    """

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        super().__init__(get_response)
        self._trusted_proxies = settings().trusted_proxies
        self._user_id = settings().user_id or user_id_of

    def __call__(self, request: Any) -> Any:
        if asyncio.iscoroutinefunction(self.get_response):
            return self._answer(request)
        visit = self._visit(request)
        with carrying(visit):
            response = self.get_response(request)
        return _streamed(visit, response)

    async def _answer(self, request: Any) -> Any:
        visit = self._visit(request)
        with carrying(visit):
            response = await self.get_response(request)
        if response.streaming and _has_session(request):
            await sync_to_async(self._user_id)(request)
        return _streamed(visit, response)

    def process_view(self, request: Any, view: Callable[..., Any], *_: Any) -> None:
        """Runs where queries may be made, also under ASGI."""
        if asyncio.iscoroutinefunction(view) and _has_session(request):
            self._user_id(request)

    def _visit(self, request: Any) -> Visit:
        return Visit(request, request_of, self._trusted_proxies, self._user_id)


def _has_session(request: Any) -> bool:
    return django_settings.SESSION_COOKIE_NAME in request.COOKIES


def _streamed(visit: Visit, response: Any) -> Any:
    if response.streaming and getattr(response, "is_async", False):
        response.streaming_content = carrying_through_async(visit, response.streaming_content)
    elif response.streaming:
        response.streaming_content = carrying_through(visit, response.streaming_content)
    return response


def user_id_of(request: Any) -> Any:
    """None without a user, and where one would have to be loaded and cannot be."""
    user = getattr(request, "user", None)
    try:
        return user.pk if user is not None and user.is_authenticated else None
    except SynchronousOnlyOperation:
        return None


def request_of(request: Any) -> Request:
    meta, header = request.META, header_of(request.META)
    return Request(meta.get("REMOTE_ADDR") or "", request.scheme, header("host") or meta.get("SERVER_NAME", ""),
                   request.path, text_of(meta.get("QUERY_STRING", "")), header)
