"""Registers the app with Django, and the kind of task it sends with the exchange."""

from django.apps import AppConfig


class SearchApp(AppConfig):
    """The app's place in the project."""

    name = "oncofed.hub.search"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Answers to count tasks come here."""
        from oncofed.contracts.exchange import COUNT
        from oncofed.hub.exchange.registry import register_kind
        from oncofed.hub.search.actions import accept, ledger_entries

        register_kind(COUNT, accept=accept, entries=ledger_entries)
