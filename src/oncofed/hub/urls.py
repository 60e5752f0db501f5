"""Where everything stands. Each app brings its own ``urls``; the exchange is beside Django (``asgi``)."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("oncofed.hub.accounts.urls")),
]
for app in ("search", "portal"):
    if find_spec(f"oncofed.hub.{app}.urls") is not None:
        urlpatterns.append(path("", include(f"oncofed.hub.{app}.urls")))

handler400 = "oncofed.hub.portal.views.errors.bad_request"
handler403 = "oncofed.hub.portal.views.errors.forbidden"
handler404 = "oncofed.hub.portal.views.errors.not_found"
handler500 = "oncofed.hub.portal.views.errors.failed"
