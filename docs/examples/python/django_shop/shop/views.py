from django.contrib.auth import login
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from segmo.django import client, on_commit


@csrf_exempt
@transaction.atomic
def sign_up(request: HttpRequest) -> HttpResponse:
    """What is said about the new user is said when the user is in the database, and only then."""
    user = User.objects.create_user(request.POST["name"])
    login(request, user)
    on_commit.identify(user.pk, {"name": user.username, "createdAt": user.date_joined})
    on_commit.track(user.pk, "Signed Up", {"plan": request.POST.get("plan", "free")})
    return HttpResponse(f"welcome, {user.username}\n")


async def search(request: HttpRequest) -> HttpResponse:
    """Who searches, and from where, is in the request."""
    client.track(event="Products Searched", properties={"query": request.GET["query"]})
    return HttpResponse("nothing found\n")
