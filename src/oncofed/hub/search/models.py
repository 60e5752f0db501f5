"""Questions, what each node answered, and searches people saved. All numbers here are released ones."""

import uuid

from django.conf import settings
from django.db import models

from oncofed.contracts.outcome import NodeState


class Ask(models.Model):
    """One question of one person. ``context`` holds what the cubes said about it when it was asked."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="asks")
    query = models.JSONField()
    key = models.CharField(max_length=64)
    text = models.TextField()
    sentence = models.TextField()
    by = models.CharField(max_length=64, blank=True)
    purpose = models.CharField(max_length=200, blank=True)
    context = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("person", "-created_at"), name="asks_of_a_person"),)

    def __str__(self) -> str:
        return f"{self.id} {self.text}"


class AskedNode(models.Model):
    """How one node stands to one question; ``answer`` is a ``contracts.exchange.CountAnswer``."""

    ask = models.ForeignKey(Ask, on_delete=models.CASCADE, related_name="nodes")
    node = models.ForeignKey("exchange.Node", on_delete=models.PROTECT, related_name="+")
    task = models.OneToOneField("exchange.Task", null=True, on_delete=models.SET_NULL, related_name="asked_node")
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in NodeState])
    code = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=list)
    datasets = models.PositiveIntegerField(default=0)
    """Number of datasets that were asked."""
    unsupported = models.JSONField(default=dict)
    """Datasets that were not asked as they cannot record a criterion, with those criteria."""
    answer = models.JSONField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("ask", "node"), name="a_node_is_asked_once"),)

    def __str__(self) -> str:
        return f"{self.ask_id} {self.node_id} {self.state}"


class SavedSearch(models.Model):
    """A query under a title. Its permalink shows the query to anyone, and results to nobody."""

    slug = models.CharField(primary_key=True, max_length=22)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="searches")
    title = models.CharField(max_length=200)
    query = models.JSONField()
    text = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.title
