"""Sign-in, second factor, device codes: all of django-allauth's pages."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
]
