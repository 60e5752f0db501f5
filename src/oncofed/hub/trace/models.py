"""One table of events, in the order they happened. Rows are added, never changed."""

from typing import Any, NoReturn

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone


class EventQuerySet(models.QuerySet["Event"]):
    """Events can be read and added; nothing else."""

    def update(self, **_: Any) -> NoReturn:
        """Refuse: history is not rewritten."""
        raise TypeError("events are never changed")

    def delete(self) -> NoReturn:
        """Refuse: history is not rewritten."""
        raise TypeError("events are never removed")


class Event(models.Model):
    """Something that happened: ``kind``, ``by`` whom, about what ``subject``, with a ``body`` of named facts."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=64, db_index=True)
    by = models.CharField(max_length=200)
    subject = models.CharField(max_length=200, db_index=True)
    body = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    objects = EventQuerySet.as_manager()

    class Meta:
        """Newest last: the order in which they will become leaves of the log."""

        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the event; an event that stands already cannot be saved again."""
        if not self._state.adding:
            raise TypeError("events are never changed")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: history is not rewritten."""
        raise TypeError("events are never removed")
