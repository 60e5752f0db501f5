"""The portal's own forms."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from oncofed.hub.accounts.actions import MAX_TOKEN_DAYS
from oncofed.hub.accounts.scopes import SCOPES


class TokenForm(forms.Form):
    """What a new access token is for."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("So that you recognise it: “laptop, notebook”.")
    )
    days = forms.IntegerField(label=_("Valid for days"), min_value=1, max_value=MAX_TOKEN_DAYS, initial=90)
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=[*SCOPES.items()],
        initial=[*SCOPES],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autocomplete"] = "off"
