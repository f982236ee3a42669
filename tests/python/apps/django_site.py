"""A Django site in one file: views of both kinds, a transaction, the campaign export; `python3 django_site.py migrate`."""
import os
import sys

import django
from django.conf import settings
from django.contrib.auth import login
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def custom_id(request):
    return "own-" + request.headers["X-User"]


OWN = "django_site.custom_id" if os.environ.get("CUSTOM_ID") else None
settings.configure(
    SECRET_KEY="secret", ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "segmo.django"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware", "segmo.django.RequestContext"],
    LOGGING={"version": 1, "handlers": {"words": {"class": "logging.StreamHandler"}},
             "loggers": {name: {"handlers": ["words"], "level": "INFO"} for name in ("segmo", "django.request")}},
    SEGMO={"export_secret": "secret", "trusted_proxies": 1, **({"user_id": OWN} if OWN else {})})
django.setup()

from django.contrib.auth.models import User  # noqa: E402

from segmo.django import campaign_export, client, on_commit  # noqa: E402


@csrf_exempt
def sign_in(request):
    user, _ = User.objects.get_or_create(id=7, username="asha")
    login(request, user)
    client.identify(user.pk)
    return HttpResponse("welcome")


def visit(request):
    client.track(event="Visited")
    return HttpResponse("hello")


async def visit_async(request):
    client.track(event="Visited")
    return HttpResponse("hello")


def stream(request):
    def parts():
        yield "hel"
        client.track(event="Visited")
        yield "lo"
    return StreamingHttpResponse(parts())


def order(request):
    """Three calls, of which the rolled back one is never made; in the order of the commits."""
    lines = [{"sku": "lamp", "price": 9.99}]
    with transaction.atomic():
        on_commit.track(7, "Order Completed", {"lines": lines})
        lines.append("changed later")
        client.track(7, "Order Began")
        try:
            with transaction.atomic():
                on_commit.track(7, "Order Failed")
                raise KeyError
        except KeyError:
            pass
    return HttpResponse("thank you")


urlpatterns = [path("sign-in", sign_in), path("visit", visit), path("visit-async", visit_async), path("stream", stream),
               path("order", order), path("export", campaign_export())]
wsgi = get_wsgi_application()
asgi = get_asgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
