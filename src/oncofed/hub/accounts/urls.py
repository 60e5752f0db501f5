"""Sign-in, second factor, device codes: all of django-allauth's pages."""

from django.urls import URLPattern, URLResolver, include, path

from oncofed.hub.accounts import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("device", views.device, name="device"),
    path("identity/o/device", views.device),  # before allauth's own: see there
    path("accounts/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
]
