"""YAML from outside, whose aliases could stand for more values than there is memory."""

from typing import Any

import yaml


class NotYaml(Exception):
    """The text cannot be read; the message says why, in a line."""


class _Loader(yaml.SafeLoader):
    """Reads no aliases: nine levels of nine of them are a billion values to whoever writes them out."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise NotYaml("it has aliases, which are not read: write the values out")
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        NotYaml: It is none, is nested too deeply, or has aliases.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise NotYaml("it is nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:  # such as a 13th month, an unhashable key
        raise NotYaml(str(error).splitlines()[0]) from error
