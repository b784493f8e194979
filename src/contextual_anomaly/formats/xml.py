"""Pascal VOC and CVAT: XML, read without entities and without looking at anything outside the file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from contextual_anomaly.coco.problems import LEFT_OUT, ReadingReport
from contextual_anomaly.errors import UserError
from contextual_anomaly.formats.records import Records, corners


def read_xml(path: Path) -> Element:
    """Return the root element.

    Raises:
        UserError: it is no XML, or has entities, which may be endless.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import parse

    try:
        root = parse(path).getroot()
    except ParseError as error:
        raise UserError(f"{path}: not valid XML: {error}.") from error
    except (DefusedXmlException, LookupError) as error:
        raise UserError(f"{path}: XML with entities or an unknown encoding is not read ({error}).") from error
    if root is None:
        raise UserError(f"{path}: not valid XML: there is no element.")
    return root


def read_voc(paths: Iterable[Path], report: ReadingReport) -> dict[str, list]:
    """Read Pascal VOC files, one an image; one that cannot be read is left out."""
    found = Records(report)
    for path in sorted(paths):
        try:
            root = read_xml(path)
        except UserError as error:
            report.add("file_unreadable", path.name, str(error), f"{LEFT_OUT}, with its objects")
            continue
        if root.tag != "annotation":
            report.note("file_other", path.name, f"its root is <{root.tag}>", f"{LEFT_OUT}, <annotation> was expected")
            continue
        name = (root.findtext("filename") or "").strip() or f"{path.stem}.jpg"
        sides = {side: root.findtext(f"size/{side}") for side in ("width", "height")}
        image = found.image(name, key=path, **sides)
        for number, thing in enumerate(root.iterfind("object")):
            label = (thing.findtext("name") or "").strip()
            if not label:
                report.add("object_without_class", f"{path.name} object {number}", "no name", LEFT_OUT)
                continue
            box = thing.find("bndbox")
            more: dict[str, Any] = {}
            if box is not None:
                more["bbox"] = corners(*(box.findtext(side) for side in ("xmin", "ymin", "xmax", "ymax")))
            elif thing.find("robndbox") is not None:
                more["bbox"] = [thing.findtext(f"robndbox/{name}") for name in ("cx", "cy", "w", "h", "angle")]
            found.add(image, found.category(label), **more)
    return found.content()


def read_cvat(root: Element, report: ReadingReport) -> dict[str, list]:
    """Read "CVAT for images"; tags of an image are objects without a box.

    Raises:
        UserError: it is "CVAT for video".
    """
    if root.find("track") is not None:
        raise UserError(f'{report.name}: these are tracks, of "CVAT for video"; export the task as "CVAT for images".')
    found = Records(report)
    for label in root.iterfind("meta//labels/label/name"):
        found.category((label.text or "").strip())
    for picture in root.iterfind("image"):
        name = picture.get("name") or ""
        size = {side: picture.get(side) for side in ("width", "height")}
        image = found.image(name, key=picture.get("id") or name, **size)
        for number, shape in enumerate(picture):
            label = (shape.get("label") or "").strip()
            if not label:
                report.add("object_without_class", f"{name} shape {number}", f"<{shape.tag}>", LEFT_OUT)
                continue
            found.add(image, found.category(label), **_shape(shape))
    return found.content()


def _shape(shape: Element) -> dict[str, Any]:
    """The box of a shape, where it has one."""
    get = shape.get
    if shape.tag == "box":
        box = corners(*(get(side) for side in ("xtl", "ytl", "xbr", "ybr")))
        turned = get("rotation") not in (None, "0", "0.0", "0.00")
        return {"bbox": [*box, get("rotation")] if box and turned else box}
    if shape.tag == "mask":
        return {"bbox": [get(side) for side in ("left", "top", "width", "height")]}
    if shape.tag == "ellipse":
        try:
            x, y, across, down = (float(get(name) or "") for name in ("cx", "cy", "rx", "ry"))
        except ValueError:
            return {"bbox": None}
        return {"bbox": [x - across, y - down, 2 * across, 2 * down]}
    points = get("points")
    if points:
        return {"bbox": None, "segmentation": [points.replace(";", ",").split(",")]}
    return {}
