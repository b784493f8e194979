"""Names from outside, of archive variants and of images, that must stay within their folder."""

import re

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif")
"""Endings of the images that are taken out of a folder."""
# A parent, an absolute path, a Windows drive or a control character; backslashes separate folders on Windows.
_PLAIN = re.compile(r"[\w-][\w.-]*", re.ASCII)  # most names; told four times as fast
_OUTSIDE = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|[\x00-\x1f]|^\s*$")


def escapes_directory(name: str) -> bool:
    """Whether a file of this name, put into a folder, could lie outside of it."""
    return not _PLAIN.fullmatch(name) and _OUTSIDE.search(name) is not None
