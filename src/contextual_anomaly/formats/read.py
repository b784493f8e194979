"""Reads annotations of any known format: a file, or a folder."""

import gzip
import logging
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contextual_anomaly.coco.chunks import PART_BYTES
from contextual_anomaly.coco.normalize import Reading, read_records
from contextual_anomaly.coco.problems import ReadingReport
from contextual_anomaly.coco.reader import NotJson, read_coco
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.csv_tables import read_csv, read_json_lines
from contextual_anomaly.formats.recognize import READ, as_coco, refuse_other_files
from contextual_anomaly.formats.xml import read_cvat, read_voc, read_xml
from contextual_anomaly.formats.yolo import SPLITS, YoloSet, find_yolo, read_yolo
from contextual_anomaly.runtime.atomic import require_file

logger = logging.getLogger(__name__)

GZIP = b"\x1f\x8b"
ENCODINGS = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class Options:
    """How annotations are read.

    Attributes:
        split: "train" or "val" to get that part alone, if the data set is divided; see `Source.own_split`.
        image_folder: where sizes of images are looked up that the annotations do not give.
        processes: how many parse; they change no result.
        strict: whether what would be left out or read in part is refused.
        part_bytes: see `coco.reader.read_instances`.
    """

    split: str | None = None
    image_folder: Path | None = None
    processes: int = 1
    strict: bool = False
    part_bytes: int = PART_BYTES


@dataclass(frozen=True)
class Source:
    """What was read, of which format, and whether it is the wanted part of a data set that is divided."""

    reading: Reading
    format: str
    own_split: bool = False


def read_annotations(path: str | Path, options: Options | None = None) -> Source:
    """Read a file or folder of annotations, whatever its format.

    Raises:
        UserError: it is none that is read; naming what it is where that is known, and all that makes it unusable.
    """
    path, options = Path(path), options or Options()
    report = ReadingReport(str(path))
    if path.is_dir():
        return _read_folder(path, report, options)
    return _read_file(require_file(path, "a file of annotations"), report, options)


def _read_file(path: Path, report: ReadingReport, options: Options) -> Source:
    """Read one file; ``path`` is where it lies, ``report`` has its name."""
    with _plain(path, report) as plain:
        with plain.open("rb") as file:
            head = file.read(4096)
        if not head:
            raise UserError(f"{report.name}: the file is empty, annotations were expected. {READ}.")
        refuse_other_files(report.name, head)
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        if text.startswith((b"{", b"[")) or text in (b"null", b"true", b"false"):
            return _read_json(plain, report, options)
        if text.startswith(b"<"):
            return _read_xml_file(plain, report, options)
        of = find_yolo(path)
        if of is not None:
            return _read_yolo(of, report, options)
        first = text.split(b"\n", 1)[0]
        if b"," in first or b";" in first or b"\t" in first:
            what, content = read_csv(plain, path.parent, options.image_folder, report)
            lacks = ("id", "bbox", "size") if "labels" in what or "column" in what else ("id",)
            return Source(read_records(content, report, options.image_folder, options.strict, lacks), what)
        try:
            return _read_json(plain, report, options)
        except UserError as error:
            raise UserError(f"{error} {READ}.") from error


def _read_json(path: Path, report: ReadingReport, options: Options) -> Source:
    kind = ["COCO"]

    def recognise(content: object) -> tuple:
        shaped, lacks = as_coco(content, report)
        kind[0] = "COCO" if shaped is content else "Label Studio"
        return shaped, lacks

    try:
        reading = read_coco(
            path, report, options.processes, options.part_bytes, options.image_folder, options.strict, recognise
        )
    except NotJson as error:
        content = read_json_lines(path, report)
        if content is None:
            raise UserError(f"{report.name}: not valid JSON: {error}") from error
        lacks = ("id", "bbox", "size")
        reading = read_records(content, report, options.image_folder, options.strict, lacks)
        return Source(reading, "JSON lines of labels of images")
    return Source(reading, kind[0])


def _read_xml_file(path: Path, report: ReadingReport, options: Options) -> Source:
    try:
        root = read_xml(path)
    except UserError as error:
        raise UserError(str(error).replace(str(path), report.name)) from error
    if root.tag == "annotations":
        content, what = read_cvat(root, report), "CVAT for images"
    elif root.tag == "annotation":
        content, what = read_voc([path], report), "Pascal VOC"
    else:
        raise UserError(f"{report.name}: XML with the root <{root.tag}>, which is neither Pascal VOC nor CVAT. {READ}.")
    return Source(read_records(content, report, options.image_folder, options.strict, ("id", "bbox")), what)


def _read_yolo(of: YoloSet, report: ReadingReport, options: Options) -> Source:
    content, own_split = read_yolo(of, options.split, report)
    reading = read_records(content, report, options.image_folder, options.strict, ("id",))
    return Source(reading, "YOLO", own_split)


def _read_folder(path: Path, report: ReadingReport, options: Options) -> Source:
    """Read a folder: YOLO, Pascal VOC, or one that holds one file of annotations."""
    of = find_yolo(path)
    if of is not None:
        return _read_yolo(of, report, options)
    xml = sorted(path.rglob("*.xml"))
    voc = [file for file in xml if b"<annotation>" in file.read_bytes()[:2000]]
    if voc:
        chosen, own_split = _voc_split(path, voc, options.split)
        content = read_voc(chosen, report)
        reading = read_records(content, report, options.image_folder, options.strict, ("id", "bbox"))
        return Source(reading, "Pascal VOC", own_split)
    files = [*xml, *(p for suffix in ("json", "json.gz", "csv", "jsonl") for p in sorted(path.rglob(f"*.{suffix}")))]
    own_split = False
    if options.split and len(files) > 1:
        parts = {name: [p for p in files if _is_of_split(path, p, SPLITS[name])] for name in SPLITS}
        if all(len(there) == 1 for there in parts.values()):
            files, own_split = parts[options.split], True
    if len(files) != 1:
        some = ", ".join(str(file.relative_to(path)) for file in files[:5])
        found = f"{len(files)} files that could be ({some})" if files else "none"
        raise UserError(f"{path}: a folder with annotations was expected, {found} found: name one file. {READ}.")
    report.name = str(files[0])
    source = _read_file(files[0], report, options)
    return Source(source.reading, source.format, own_split)


def _is_of_split(folder: Path, path: Path, names: tuple[str, ...]) -> bool:
    """Whether a folder of a file, or a word of its name, is one of the names of a part."""
    parts = path.relative_to(folder).parts
    words = path.name.lower().replace(".", "_").replace("-", "_").split("_")
    return any(part.lower() in names for part in parts[:-1]) or any(
        word.rstrip("0123456789") in names for word in words
    )


def _voc_split(folder: Path, paths: list[Path], split: str | None) -> tuple[list[Path], bool]:
    """The files of a part, as ImageSets/Main lists them or as folders are named; all where there are none."""
    lists = {name: _listed(folder, names) for name, names in SPLITS.items()}
    parts = {
        name: [p for p in paths if p.stem in lists[name]]
        or [p for p in paths if {part.lower() for part in p.relative_to(folder).parts[:-1]} & set(names)]
        for name, names in SPLITS.items()
    }
    return (parts[split], True) if split and all(parts.values()) else (paths, False)


def _listed(folder: Path, names: tuple[str, ...]) -> set[str]:
    found = [path for name in names for path in folder.rglob(f"ImageSets/Main/{name}.txt")]
    return {line.split()[0] for path in found for line in path.read_text(errors="replace").splitlines() if line.strip()}


@contextmanager
def _plain(path: Path, report: ReadingReport) -> Iterator[Path]:
    """The file as UTF-8 text that is not packed: itself, or a copy that is removed afterwards."""
    with path.open("rb") as file:
        head = file.read(4)
    encoding = next((name for mark, name in ENCODINGS.items() if head.startswith(mark)), None)
    if not head.startswith(GZIP) and encoding is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="contextual_anomaly_") as folder:
        copy = Path(folder) / path.name.removesuffix(".gz")
        try:
            if encoding:
                with (
                    path.open(encoding=encoding, newline="") as old,
                    copy.open("w", encoding="utf-8", newline="") as new,
                ):
                    shutil.copyfileobj(old, new)
                report.note("encoding", "", encoding.upper(), "read as such; UTF-8 is usual")
            else:
                with gzip.open(path) as old, copy.open("wb") as new:
                    shutil.copyfileobj(old, new)
        except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeError) as error:
            raise UserError(
                f"{report.name}: cannot be unpacked or decoded ({error}): download or copy it again."
            ) from error
        with _plain(copy, report) as plain:
            yield plain
