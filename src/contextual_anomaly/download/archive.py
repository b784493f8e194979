"""Unpack single files or folders of a zip archive, never outside of the target."""

import logging
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import atomic_folder, atomic_write, is_whole, read_manifest, require_file
from contextual_anomaly.runtime.locks import only_one
from contextual_anomaly.runtime.paths import escapes_directory
from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)


def unpack_file(archive: Path, member: str, target: Path) -> None:
    """Write one member of a zip archive as ``target``.

    Raises:
        UserError: The file is no zip archive, is damaged, lacks the member, or holds a member that leaves its folder.
    """
    with _opened(archive) as (package, members):
        if member not in members:
            near = [name for name in members if name.rpartition("/")[2] == member.rpartition("/")[2]]
            hint = f"; it has {near[0]}" if near else f"; it has {', '.join(list(members)[:5]) or 'nothing'} …"
            raise UserError(f"{archive}: there is no member {member!r} in it{hint}.")
        logger.info(f"unpacking {member}, {members[member].file_size / 1e6:,.0f} MB")
        with atomic_write(target) as temporary:
            _copy(package, members[member], temporary)


def unpack_folder(archive: Path, folder: str, target: Path) -> int:
    """Write the files of one folder of the archive into ``target``, which is replaced as a whole, with a manifest.

    Any number of processes may do so at once: one unpacks, the others wait and find its files.

    Returns:
        The number of files.

    Raises:
        UserError: As `unpack_file`.
    """
    prefix = folder.rstrip("/") + "/"
    with _opened(archive) as (package, members):
        wanted = [entry for name, entry in members.items() if name.startswith(prefix)]
        if not wanted:
            raise UserError(f"{archive}: there is no folder {prefix!r} in it; it has {', '.join(list(members)[:5])} …")
        with only_one(target):
            if _is_unpacked(wanted, prefix, target):
                logger.info(f"{target} holds these files already")
                return len(wanted)
            with atomic_folder(target) as temporary:
                for entry in track(wanted, f"unpacking {folder}", total=len(wanted), unit="files"):
                    path = temporary / entry.filename.removeprefix(prefix)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _copy(package, entry, path)
    return len(wanted)


def _is_unpacked(wanted: Sequence[zipfile.ZipInfo], prefix: str, target: Path) -> bool:
    """Return whether a folder holds these members, as the archive's checksums have it, and a whole manifest of them."""
    manifest = read_manifest(target) if is_whole(target) else {}
    if set(manifest) != {entry.filename.removeprefix(prefix) for entry in wanted}:
        return False
    return all(zlib.crc32((target / entry.filename.removeprefix(prefix)).read_bytes()) == entry.CRC for entry in wanted)


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open the archive, check every member, and yield the archive and its files by name."""
    require_file(archive, "a zip archive")
    try:
        with zipfile.ZipFile(archive) as package:
            entries = package.infolist()
            for entry in entries:
                # orig_filename is the name as stored; zipfile converts backslashes on Windows only.
                if escapes_directory(entry.orig_filename):
                    raise UserError(
                        f"{archive}: the member {entry.orig_filename!r} points outside its folder; nothing was unpacked."
                    )
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise UserError(f"{archive}: the member {entry.filename!r} is a link; nothing was unpacked.")
            yield package, {entry.filename: entry for entry in entries if not entry.is_dir()}
    except zipfile.BadZipFile as error:
        raise UserError(f"{archive}: not a whole zip archive ({error}). Delete it and fetch it again.") from error


def _copy(package: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write the member's bytes, checked by the archive's own checksum."""
    try:
        with package.open(entry) as source, path.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(
            f"{package.filename}: the member {entry.filename!r} cannot be read ({error}). Delete the archive and fetch "
            "it again."
        ) from error
