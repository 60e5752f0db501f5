"""Registers the app with Django."""

from django.apps import AppConfig


class PortalApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.portal"
    default_auto_field = "django.db.models.BigAutoField"
