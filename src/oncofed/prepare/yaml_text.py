"""Reading YAML that people wrote: whatever is wrong with it is a ``YAMLError``."""

from typing import Any

import yaml


def parsed(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """What the text says.

    PyYAML has no error of its own for ``2020-99-99``, ``!!int x`` or a thousand brackets; here they are one.
    """
    try:
        return yaml.load(text, loader)  # noqa: S506 (a SafeLoader)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise yaml.YAMLError("a value is not of the kind it is written as") from error
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
