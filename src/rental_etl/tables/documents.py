"""Reads the YAML beside contracts and models. Pure text: nothing is opened here."""

from typing import Any

import yaml

# The same documents, read by libyaml: every run reads thirty of them, and in Python that takes a quarter of a second.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> dict[str, Any]:
    """The mapping that a document holds."""
    return dict(yaml.load(text, Loader=_LOADER))
