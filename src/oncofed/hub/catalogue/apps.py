"""Registers the app with Django, and what it takes in with the exchange."""

from django.apps import AppConfig


class CatalogueApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.catalogue"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Publications of nodes come here."""
        from oncofed.hub.catalogue.actions import receive
        from oncofed.hub.exchange.registry import register_publication

        register_publication(receive)
