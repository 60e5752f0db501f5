"""What a program may be allowed to do for a person. As few as there are kinds of work."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SEARCH = "search"
SAVED = "saved"

SCOPES: dict[str, str | Promise] = {
    SEARCH: _("Ask counts in your name and read the answers"),
    SAVED: _("Read and change your saved searches"),
}
