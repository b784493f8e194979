"""Open exports in the tools' own readers and print what they found, as JSON. It runs in an environment of the tools.

python peer_readers.py label-studio TASKS LABELS | cvat XML IMAGES | coco JSON IMAGES | fiftyone JSON IMAGES
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path


def label_studio(tasks: str, labels: str) -> dict:
    """What Label Studio's SDK has against tasks under their labelling configuration."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(Path(labels).read_text())
    interface.validate()
    errors, valid = [], True
    for task in json.loads(Path(tasks).read_text()):
        valid &= interface.validate_task({"data": task["data"]})
        for prediction in task["predictions"]:
            errors += interface.validate_prediction(prediction, return_errors=True)
    return {"valid": bool(valid), "errors": errors}


def datumaro_reads(kind: str, document: str, images: str) -> list[dict]:
    """What datumaro's reader finds in a folder laid out as it wants it."""
    import datumaro

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if kind == "cvat":
            shutil.copy(document, root / "annotations.xml")
            shutil.copytree(images, root / "images")
        else:
            (root / "annotations").mkdir()
            shutil.copy(document, root / "annotations" / "instances_default.json")
            shutil.copytree(images, root / "images" / "default")
        found = datumaro.Dataset.import_from(str(root), {"cvat": "cvat", "coco": "coco_instances"}[kind])
        names = found.categories()[datumaro.AnnotationType.label]
        return [
            {
                "image": item.id,
                "type": type(annotation).__name__,
                "label": names[annotation.label].name,
                "box": list(map(float, annotation.get_bbox())) if hasattr(annotation, "get_bbox") else None,
                "attributes": {name: str(value) for name, value in annotation.attributes.items()},
            }
            for item in found
            for annotation in item.annotations
        ]


def fiftyone_reads(document: str, images: str) -> list[dict]:
    """What FiftyOne's importer of COCO finds; it needs no database for that."""
    from fiftyone.utils.coco import COCODetectionDatasetImporter

    with COCODetectionDatasetImporter(data_path=images, labels_path=document, label_types="detections") as importer:
        return [
            {
                "image": Path(path).name,
                "label": detection.label,
                "box": detection.bounding_box,
                "confidence": detection.confidence,
                "kind": detection["kind"],
                "explanation": detection["explanation"],
            }
            for path, _, found in importer
            for detection in found.detections
        ]


if __name__ == "__main__":
    tool, *files = sys.argv[1:]
    answer = {"label-studio": label_studio, "fiftyone": fiftyone_reads}.get(tool)
    print(json.dumps(answer(*files) if answer else datumaro_reads(tool, *files)))
