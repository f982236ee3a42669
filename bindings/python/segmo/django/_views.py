"""The address that MoEngage Streams posts to."""
from typing import Any, Callable

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt

from .._export import Export
from ..errors import OptionError
from ..wsgi import header_of
from ._client import client, settings


def campaign_export() -> Callable[[Any], Any]:
    """The view for the campaign export: path("moengage/streams", segmo.django.campaign_export()).

    SEGMO["export_secret"] is what MoEngage must send, as `Authorization: Bearer SECRET` or as the password of
    Basic authentication; a list while one secret replaces another. It answers 200 when everything that can be
    read is on disk, and says what could not be; 401, 413 and 503 (no room: post it again) otherwise.

    Raises ImproperlyConfigured without a secret.
    """
    try:
        export = settings().export(client, Export)
    except OptionError as refused:
        raise ImproperlyConfigured(f'SEGMO["{refused.field}"]: {refused.message}') from refused

    def view(request: Any) -> Any:
        answer = export.refusal(request.method, header_of(request.META))
        if not answer or answer.status != 413:
            # Also of a refused one: servers cut a connection that holds something unread.
            body = request.read(export.max_bytes + 1)
            answer = answer or export.accept(body)
        response = HttpResponse(answer.body, status=answer.status, reason=answer.reason)
        for name, value in answer.headers:
            response[name] = value
        return response
    exempt: Callable[[Any], Any] = csrf_exempt(view)
    return exempt
