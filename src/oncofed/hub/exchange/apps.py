"""Registers the app with Django."""

from django.apps import AppConfig


class ExchangeApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.exchange"
    default_auto_field = "django.db.models.BigAutoField"
