"""What an operator can set is in the text that becomes the settings page (``tools/generate_docs.py``)."""

import re
from pathlib import Path

from oncofed.hub import configuration


def test_every_setting_is_documented():
    text = Path(configuration.__file__).read_text("utf-8")
    read = set(re.findall(r'"(ONCOFED_[A-Z_]+|DATABASE_URL|EMAIL_URL|SECRET_KEY)"', text))
    assert len(read) >= 12
    documentation = configuration.__doc__ or ""
    assert {name for name in read if name not in documentation} == set()
