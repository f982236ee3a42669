from django.urls import path

from segmo.django import campaign_export

from . import views

urlpatterns = [
    path("sign-up", views.sign_up),
    path("search", views.search),
    path("moengage/streams", campaign_export()),
]
