"""Registers the app with Django."""

from django.apps import AppConfig


class CoreApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.core"
    default_auto_field = "django.db.models.BigAutoField"
