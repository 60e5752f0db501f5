"""Questions to begin with, and the same question for a program."""

from django.utils.translation import gettext_lazy as _

QUESTIONS = (
    (_("MR of the breast in women over 50"), "modality = MR and body part = breast and sex = female and age 50..90"),
    (_("Lung cancer with CT and a segmentation"), "diagnosis = lung and modality = CT and annotation = segmentation"),
    (
        _("MR of the prostate at 3 tesla, on one series"),
        "same series (modality = MR and body part = prostate and field strength 2.5..3.5)",
    ),
)
"""A researcher's words, and the query text."""


def python(url: str, text: str, by: str = "") -> str:
    """Python that asks the same question."""
    arguments = f'"""{text}"""' if "\n" in text else _quoted(text)
    breakdown = f', by="{by}"' if by else ""
    return (
        f'import oncofed\n\nhub = oncofed.connect("{url}")\nanswer = hub.count({arguments}{breakdown})\nprint(answer)'
    )


def curl(url: str, text: str, by: str = "") -> str:
    """A shell command that asks the same question; the token comes from the environment."""
    breakdown = f', "by": "{by}"' if by else ""
    body = f'{{"text": {_quoted(text)}{breakdown}}}'.replace("'", "'\\''")
    return (
        f"curl -X POST {url}/api/v1/counts \\\n"
        '  -H "Authorization: Bearer $ONCOFED_TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}'"
    )


def command(text: str, by: str = "") -> str:
    """The same on the command line."""
    quoted = "'" + text.replace("'", "'\\''") + "'"
    return f"oncofed search {quoted}" + (f" --by {by}" if by else "")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
