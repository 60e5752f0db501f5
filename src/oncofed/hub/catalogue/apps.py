"""Registers the app with Django."""

from django.apps import AppConfig


class CatalogueApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.catalogue"
    default_auto_field = "django.db.models.BigAutoField"
