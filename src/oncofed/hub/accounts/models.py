"""People, the organisations they act for, and the tokens their programs use."""

import secrets
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from oncofed.hub.accounts.roles import ROLES, Role


def make_pseudonym() -> str:
    """A stable random name: what nodes learn of a person, 128 bits."""
    return secrets.token_hex(16)


class Organisation(models.Model):
    """A hospital, university or company; people ask, and budgets are kept, in its name."""

    organisation_id = models.SlugField(primary_key=True, max_length=63)
    title = models.CharField(max_length=200)
    country = models.CharField(max_length=2, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """In the order of a list."""

        ordering = ("title",)

    def __str__(self) -> str:
        return self.title


class UserManager(BaseUserManager["User"]):
    """Makes people; an address is one person whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who signs in with ``email``; without a password they can only come through an OpenID provider."""
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def get_by_natural_key(self, username: str | None) -> "User":
        """The person with this address."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person. What they may do follows from the roles they hold (``policy``)."""

    email = models.EmailField(_("email address"), unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    pseudonym = models.CharField(max_length=32, unique=True, default=make_pseudonym, editable=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        """One person an address, whatever its case."""

        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """How pages call the person."""
        return self.name

    @property
    def actor(self) -> str:
        """How the trace names the person."""
        return f"person:{self.pk}"


class Membership(models.Model):
    """A person acts for an organisation in a role; the oldest membership is the one they ask counts under."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    role_key = models.CharField(max_length=32, choices=[(role.key, role.title) for role in ROLES.values()])
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """A role is held once."""

        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("person", "organisation", "role_key"), name="accounts_role_once")
        ]

    def __str__(self) -> str:
        return f"{self.person} · {self.organisation} · {self.role.title}"

    @property
    def role(self) -> Role:
        """The role itself."""
        return ROLES[self.role_key]


class PersonalAccessToken(models.Model):
    """A secret for a person's programs. Shown once; its SHA-256 is kept (256 random bits: no salt needed)."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    beginning = models.CharField(max_length=16)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first."""

        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"
