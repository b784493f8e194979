"""Addresses with passwords in them, as rtsp://user:password@camera/, which are never shown."""

import re

_USER = re.compile(r"://(?:[^/\s]*@|\S*:\S*@)")
"""What stands before the host; where a password has a slash in it, everything up to the last @."""
_SECRET = re.compile(r"(?i)([?&;][\w.-]*(?:pass|pwd|token|secret|key|auth|sig)[\w.-]*=)[^&;#\s]+")


def without_passwords(text: str) -> str:
    """Return a text with the users, passwords and keys of the addresses in it replaced by stars.

    >>> without_passwords("cannot open rtsp://admin:1234@10.0.0.7/live?channel=1&token=abc")
    'cannot open rtsp://***@10.0.0.7/live?channel=1&token=***'
    """
    return _SECRET.sub(r"\1***", _USER.sub("://***@", text))
