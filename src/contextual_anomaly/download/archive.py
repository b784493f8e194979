"""Unpack single files or folders of a zip archive, never outside of the target."""

import logging
import lzma
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import atomic_folder, atomic_write, is_whole, read_manifest, require_file
from contextual_anomaly.runtime.locks import only_one
from contextual_anomaly.runtime.paths import escapes_directory
from contextual_anomaly.runtime.progress import track

logger = logging.getLogger(__name__)

MAX_RATIO = 200  # unpacked bytes for each packed one; COCO's annotations take 8
SMALL = 100_000_000  # bytes that may be unpacked of an archive of any size
# What zipfile raises at damaged archives, beside its own BadZipFile: it seeks and decodes wherever the bytes say.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, struct.error, OSError,
)  # fmt: skip


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
        _check_size(archive, [members[member]], target)
        with atomic_write(target) as temporary:
            _copy(archive, package, members[member], temporary)


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
        for entry in set(package.infolist()) - set(wanted):
            _check_name(archive, package, entry)
        with only_one(target):
            if _is_unpacked(wanted, prefix, target):
                logger.info(f"{target} holds these files already")
                return len(wanted)
            _check_size(archive, wanted, target)
            with atomic_folder(target) as temporary:
                for entry in track(wanted, f"unpacking {folder}", total=len(wanted), unit="files"):
                    path = temporary / _name_within(entry, prefix)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _copy(archive, package, entry, path)
    return len(wanted)


def _check_name(archive: Path, package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Compare a member's two names: by a damaged one it would be missing from its folder."""
    try:
        package.open(entry).close()
    except (RuntimeError, NotImplementedError):  # a password, or a compression that Python does not know
        pass
    except DAMAGED as error:
        raise UserError(
            f"{archive}: the member {entry.filename!r} is damaged ({error}). Delete the archive and fetch it again."
        ) from error


def _is_unpacked(wanted: Sequence[zipfile.ZipInfo], prefix: str, target: Path) -> bool:
    """Return whether a folder holds these members, as the archive's checksums have it, and a whole manifest of them."""
    manifest = read_manifest(target) if is_whole(target) else {}
    names = {_name_within(entry, prefix): entry for entry in wanted}
    if set(manifest) != set(names):
        return False
    return all(zlib.crc32((target / name).read_bytes()) == entry.CRC for name, entry in names.items())


def _name_within(entry: zipfile.ZipInfo, prefix: str) -> str:
    """Return the name of a member of a folder; of val2017//etc/x it is etc/x, for /etc/x would lead outside."""
    return PurePosixPath(entry.filename).relative_to(prefix).as_posix()


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open the archive, check every member, and yield the archive and its files by name."""
    require_file(archive, "a zip archive")
    with archive.open("rb") as file:
        try:
            package = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise UserError(f"{archive}: not a whole zip archive ({error}). Delete it and fetch it again.") from error
        entries = package.infolist()
        for entry in entries:
            # orig_filename is the name as stored; zipfile converts backslashes on Windows only.
            if escapes_directory(entry.orig_filename):
                raise UserError(
                    f"{archive}: the member {entry.orig_filename!r} points outside its folder; nothing was unpacked."
                )
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link" if stat.S_ISLNK(entry.external_attr >> 16) else "neither a file nor a folder"
                raise UserError(f"{archive}: the member {entry.filename!r} is {kind}; nothing was unpacked.")
        members = {entry.filename: entry for entry in entries if not entry.is_dir()}
        _check_folders(archive, members)
        yield package, members


def _check_folders(archive: Path, names: Iterable[str]) -> None:
    """Refuse an archive in which a name is that of a file and of a folder."""
    files = {str(PurePosixPath(name)) for name in names}
    folders = {str(folder) for name in files for folder in PurePosixPath(name).parents}
    if both := files & folders:
        raise UserError(f"{archive}: {min(both)!r} is a file and a folder at once; nothing was unpacked.")


def _check_size(archive: Path, wanted: Iterable[zipfile.ZipInfo], target: Path) -> None:
    """Refuse members that are far larger than any real ones, or than the space on the disk; no more is written than they say."""
    size, packed = sum(entry.file_size for entry in wanted), archive.stat().st_size
    if size > max(MAX_RATIO * packed, SMALL):
        raise UserError(
            f"{archive}: its {packed:,} bytes would become {size:,}, more than {MAX_RATIO} times as many, as in archives "
            "made to fill disks; nothing was unpacked."
        )
    free = shutil.disk_usage(next(folder for folder in target.absolute().parents if folder.is_dir())).free
    if size > free:
        raise UserError(f"{target}: {size / 1e6:,.0f} MB are needed there, {free / 1e6:,.0f} MB are free.")


def _copy(archive: Path, package: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write the member's bytes, checked by the archive's own checksum."""
    with path.open("wb") as out:
        for chunk in _content(archive, package, entry):
            out.write(chunk)


def _content(archive: Path, package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the member's bytes; errors of the archive are told apart from those of the disk that is written to."""
    try:
        with package.open(entry) as source:
            while chunk := source.read(1 << 20):
                yield chunk
    except DAMAGED as error:
        raise UserError(
            f"{archive}: the member {entry.filename!r} cannot be read ({error}). Delete the archive and fetch it again."
        ) from error
