"""Registers the app with Django."""

from django.apps import AppConfig


class SearchApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.search"
    default_auto_field = "django.db.models.BigAutoField"
