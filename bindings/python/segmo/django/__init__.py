"""For Django 3.2 and newer.

    INSTALLED_APPS = [..., "segmo.django"]
    MIDDLEWARE = [..., "django.contrib.auth.middleware.AuthenticationMiddleware", "segmo.django.RequestContext"]
    SEGMO = {"segment_write_key": "...", "trusted_proxies": 1}

    from segmo.django import client, on_commit
    client.track(event="Searched", properties={"query": query})            # the user of the request
    on_commit.track(order.user_id, "Order Completed", {"total": order.total})

SEGMO holds options of segmo.Client (docs/reference/options.md) and, where wanted, trusted_proxies, user_id (a
function of a request or the dotted path of one; default: the key of request.user), export_secret, export_source
and export_max_bytes.
"""
from ._client import client, on_commit
from ._middleware import RequestContext
from ._views import campaign_export

__all__ = ["RequestContext", "campaign_export", "client", "on_commit"]
