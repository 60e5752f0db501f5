"""Registers the app with Django."""

from django.apps import AppConfig


class AccountsApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.accounts"
    default_auto_field = "django.db.models.BigAutoField"
