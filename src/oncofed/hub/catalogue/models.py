"""Datasets and their releases as the nodes publish them. What is listed and filtered stands in columns of its own."""

from django.db import models


class Dataset(models.Model):
    """A dataset, owned by the first node that published it. Withdrawn: no longer among what the node publishes."""

    dataset_id = models.CharField(primary_key=True, max_length=63)
    node = models.ForeignKey("exchange.Node", on_delete=models.PROTECT, related_name="datasets")
    dataset_class = models.CharField(max_length=16)
    title = models.CharField(max_length=200)
    programme = models.CharField(max_length=200, blank=True)
    record = models.JSONField()
    """``contracts.catalogue.DatasetRecord`` as last published."""
    first_published_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    edition = models.BigIntegerField(db_index=True)
    """The catalogue's edition in which this dataset last changed."""

    def __str__(self) -> str:
        return self.dataset_id


class Release(models.Model):
    """One immutable release. ``cube`` is kept apart from ``record`` (which holds all else), as it is large."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="releases")
    release = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    content = models.CharField(max_length=64)
    """SHA-256 of the record as published: the same release says the same for ever."""
    record = models.JSONField()
    cube = models.TextField()
    published_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    current = models.BooleanField(default=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("dataset", "release"), name="one_release_of_a_name"),
            models.UniqueConstraint(
                fields=("dataset",),
                condition=models.Q(current=True),
                name="one_current_release",
            ),
        )

    def __str__(self) -> str:
        return f"{self.dataset_id} {self.release}"


class Edition(models.Model):
    """One row: the number of the catalogue's state. Each publication that changes anything makes the next."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)
