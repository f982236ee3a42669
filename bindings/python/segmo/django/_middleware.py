"""Request context for Django's requests, under WSGI and ASGI."""
import asyncio
from typing import Any, Callable

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings  # type: ignore[import]
from django.utils.decorators import sync_and_async_middleware  # type: ignore[import]

from .._requests import Request, Visit, text_of
from ..context import carrying, carrying_through
from ..wsgi import header_of
from ._client import settings


@sync_and_async_middleware  # type: ignore[misc]
def RequestContext(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Calls made while a request is answered get ip, userAgent, locale and page in their context, and the key
    of request.user as user id when they name no user.

    Stands behind AuthenticationMiddleware. Nothing is read before a message is made, except that under ASGI
    the user of a session is loaded first, because an async view could not load it in the middle of a call.
    """
    settings()

    def middleware(request: Any) -> Any:
        visit = visit_of(request)
        with carrying(visit):
            response = get_response(request)
        if response.streaming:
            response.streaming_content = carrying_through(visit, response.streaming_content)
        return response

    async def async_middleware(request: Any) -> Any:
        if django_settings.SESSION_COOKIE_NAME in request.COOKIES:
            await sync_to_async(user_id_of)(request)
        with carrying(visit_of(request)):
            return await get_response(request)

    return async_middleware if asyncio.iscoroutinefunction(get_response) else middleware


def visit_of(request: Any) -> Visit:
    return Visit(request, request_of, settings().trusted_proxies, settings().user_id or user_id_of)


def user_id_of(request: Any) -> Any:
    user = getattr(request, "user", None)
    return user.pk if user is not None and user.is_authenticated else None


def request_of(request: Any) -> Request:
    meta, header = request.META, header_of(request.META)
    return Request(meta.get("REMOTE_ADDR") or "", request.scheme, header("host") or meta.get("SERVER_NAME", ""),
                   request.path, text_of(meta.get("QUERY_STRING", "")), header)
