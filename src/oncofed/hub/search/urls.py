"""Where the API stands."""

from django.urls import path

from oncofed.hub.api import api

urlpatterns = [path("api/v1/", api.urls)]
