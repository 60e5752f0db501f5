"""Registers the app with Django."""

from django.apps import AppConfig


class TraceApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.trace"
    default_auto_field = "django.db.models.BigAutoField"
