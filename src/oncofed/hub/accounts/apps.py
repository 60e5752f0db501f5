"""Registers the app with Django, and lets allauth's device codes work with today's oauthlib."""

from django.apps import AppConfig


class AccountsApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Repair device codes, if they need it."""
        from oncofed.hub.accounts.device_codes import repair

        repair()
