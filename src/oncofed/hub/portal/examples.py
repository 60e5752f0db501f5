"""Questions to begin with, and the same question for a program."""

import json
import shlex
from collections.abc import Sequence

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


def python(url: str, text: str, by: str = "", datasets: Sequence[str] = ()) -> str:
    """Python that asks the same question."""
    arguments = [repr(text)]
    arguments += [f"by={by!r}"] if by else []
    arguments += [f"datasets={list(datasets)!r}"] if datasets else []
    return (
        f"import oncofed\n\nhub = oncofed.connect({url!r})\nanswer = hub.count({', '.join(arguments)})\nprint(answer)"
    )


def curl(url: str, text: str, by: str = "", datasets: Sequence[str] = ()) -> str:
    """A shell command that asks the same question; the token comes from the environment."""
    body: dict[str, object] = {"text": text}
    body |= {"by": by} if by else {}
    body |= {"datasets": list(datasets)} if datasets else {}
    return (
        f"curl -X POST {url}/api/v1/counts \\\n"
        '  -H "Authorization: Bearer $ONCOFED_TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    )


def command(text: str, by: str = "", datasets: Sequence[str] = ()) -> str:
    """The same on the command line."""
    words = ["oncofed", "search", text, *(["--by", by] if by else [])]
    return shlex.join([*words, *(word for name in datasets for word in ("--dataset", name))])
