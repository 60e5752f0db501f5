"""Events as lists."""

from django.db.models import QuerySet

from oncofed.hub.trace.models import Event


def events(*, kind: str = "", subject: str = "", by: str = "") -> QuerySet[Event]:
    """Newest first; each argument narrows, ``kind`` by its beginning ("node." for all about nodes)."""
    found = Event.objects.order_by("-id")
    if kind:
        found = found.filter(kind__startswith=kind)
    if subject:
        found = found.filter(subject=subject)
    return found.filter(by=by) if by else found
