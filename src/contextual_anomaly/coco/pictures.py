"""Pictures of a data set: where they are, and how large."""

from pathlib import Path


def find_picture(folder: Path | None, name: str) -> Path | None:
    """The picture of that name in a folder, or of its last part; None where neither is there."""
    if folder is None or not name:
        return None
    for tried in (name, name.rpartition("/")[2]):
        path = folder / tried
        if tried and path.is_file():
            return path
    return None


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture as it is shown, from its header alone; None where it is none."""
    import imagesize

    try:
        width, height = imagesize.get(path)
    except (OSError, ValueError):
        return None
    return (int(width), int(height)) if width > 0 and height > 0 else None
