"""The audit beside ObjectLab and FiftyOne Brain's mistakenness: the same planted errors, the same detections.

    python benchmarks/audit_errors.py --run RESULTS --detections FOLDER [--images IDS.json]

RESULTS is a finished run on COCO; FOLDER holds tables of detections (image_id, category_id, x, y, w, h, score), all of which are
taken in turn. The models are those of the package, unless others are named. Printed is the average precision of each kind of
error, and how much larger ours is than the peer's, with 95 % intervals over images. ObjectLab runs in the environment of the
benchmarks (BENCHMARK_PYTHON).
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from measure import ROOT, WORK, main_of, peer_python
from measure import run as run_process

from contextual_anomaly import tables
from contextual_anomaly.audit.company import Company
from contextual_anomaly.audit.findings import Audited, audit
from contextual_anomaly.audit.inputs import AuditTables, prepare
from contextual_anomaly.audit.planting import DUPLICATE, KINDS, OVERLOOKED, Planted, plant
from contextual_anomaly.models.base import ContextModel, WithObjects
from contextual_anomaly.models.registry import load_model
from contextual_anomaly.pretrained import find
from contextual_anomaly.stats.bootstrap import Bootstrap, interval
from contextual_anomaly.stats.box_pairs import box_pairs
from contextual_anomaly.stats.boxes import BOX, SAME_OBJECT
from contextual_anomaly.stats.ranking import WeightedRanking

SHARE, RATE, FOLDS, SEED = 0.03, 0.02, 5, 0
PEERS = {"ObjectLab": "objectlab.py", "mistakenness": "mistakenness.py"}


def read(args: argparse.Namespace, detector: Path) -> Audited:
    """The annotations of the run's validation images and a detector's boxes on them."""
    objects, images, categories = (
        tables.read_table(args.run / f"{name}/val.parquet", schema).to_pandas()
        for name, schema in (
            ("annotations", tables.ANNOTATIONS),
            ("images", tables.IMAGES),
            ("categories", tables.CATEGORIES),
        )
    )
    ids = np.unique(json.loads(args.images.read_text()) if args.images else images["image_id"]).astype(np.int64)
    boxes = pd.read_parquet(detector).rename(columns={"w": "width", "h": "height"})[tables.DETECTIONS.names]
    boxes = boxes.astype({field.name: field.type.to_pandas_dtype() for field in tables.DETECTIONS})
    boxes = boxes[boxes["image_id"].isin(ids)]
    boxes = boxes.sort_values(["image_id", "score"], ascending=[True, False], kind="stable", ignore_index=True)
    objects = objects[objects["image_id"].isin(ids)].reset_index(drop=True)
    data = AuditTables(objects, categories, images.assign(split="val"), ids, boxes)
    company = Company(model_of_objects(args.object_model), categories)
    return prepare(data, load_model(args.context_model), None, None, FOLDS, SEED, RATE, None, company)


def model_of_objects(path: Path) -> ContextModel:
    """The model of a file that answers for objects: itself, or an estimator of an ensemble."""
    model = load_model(path)
    return next(part for part in getattr(model, "estimators", [model]) if isinstance(part, WithObjects))


def errors(audited: Audited) -> Planted:
    """Errors of all kinds in the annotations."""
    objects = audited.judged_objects()
    return plant(objects, audited.may_be_wrong(objects), audited.sizes_of(objects), SHARE, SEED + 100)


def ours(audited: Audited, planted: Planted, candidates: pd.DataFrame) -> dict[str, np.ndarray]:
    """The audit's probabilities of each kind, of annotations and of detections."""
    findings = audit(replace(audited, objects=planted.objects))
    scores = {}
    for kind in KINDS:
        of_kind = findings[findings["kind"] == kind]
        if kind == OVERLOOKED:
            keys = ["image_id", "predicted_label", *BOX]
            name = audited.categories.set_index("category_id")["name"]
            table = audited.detections.assign(predicted_label=name.loc[audited.detections["category_id"]].to_numpy())
            found = table[keys].merge(of_kind[[*keys, "probability"]].drop_duplicates(keys), how="left", on=keys)
            scores[kind] = found["probability"].fillna(0).to_numpy()
        else:
            by_id = of_kind.set_index("annotation_id")["probability"]
            scores[kind] = by_id.reindex(candidates["annotation_id"]).fillna(0).to_numpy()
            if kind == DUPLICATE:  # of two boxes around one object either may go
                twins = planted.twin[np.isin(planted.objects["annotation_id"], candidates["annotation_id"])]
                of_twin = by_id.reindex(twins).fillna(0).to_numpy()
                scores[kind] = np.maximum(scores[kind], of_twin)
                scores[kind][candidates["annotation_id"].isin(twins)] = 0
    return scores


def theirs(program: str, audited: Audited, objects: pd.DataFrame) -> dict[str, np.ndarray]:
    """A peer's scores."""
    WORK.mkdir(parents=True, exist_ok=True)

    def corners(table: pd.DataFrame) -> np.ndarray:
        boxes = table[BOX].to_numpy(np.float64)
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)

    def label(table: pd.DataFrame) -> np.ndarray:
        return np.searchsorted(audited.categories["category_id"], table["category_id"])

    detections = audited.detections
    np.savez(
        WORK / "boxes.npz", image=audited.rows_of(objects), label=label(objects), box=corners(objects),
        detected_image=audited.rows_of(detections), detected_label=label(detections), detected_box=corners(detections),
        detected_score=detections["score"], images=len(audited.image_ids), classes=len(audited.categories),
    )  # fmt: skip
    python = peer_python("cleanlab") if program == PEERS["ObjectLab"] else sys.executable
    run_process(python, ROOT / "benchmarks/peers" / program, WORK / "boxes.npz", WORK / "scores.npz")
    return dict(np.load(WORK / "scores.npz"))


def planted_among(audited: Audited, planted: Planted, candidates: pd.DataFrame, kind: str) -> np.ndarray:
    """Which candidates are planted errors of a kind.

    An object that was taken out is found in the detection that overlaps it most, by half or more, and has its class.
    """
    if kind != OVERLOOKED:
        return candidates["planted"].to_numpy() == kind
    detections, taken = audited.detections, planted.taken
    pair = box_pairs(taken, detections)
    same = taken["category_id"].to_numpy()[pair.first] == detections["category_id"].to_numpy()[pair.second]
    good = np.flatnonzero(same & (pair.iou >= SAME_OBJECT))
    good = good[np.argsort(pair.iou[good], kind="stable")]
    best = dict(zip(pair.first[good].tolist(), pair.second[good].tolist(), strict=True))
    found = np.zeros(len(detections), bool)
    found[list(best.values())] = True
    return found


def main() -> None:
    """Read, plant, score, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--run", "--detections"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--object-model", type=Path, default=find("coco"), help="or an ensemble that has one")
    parser.add_argument("--context-model", type=Path, default=find("coco-small"))
    parser.add_argument("--images", type=Path, help="a list of image ids (JSON); all without")
    parser.add_argument("--output", type=Path, default=WORK / "audit_errors.csv")
    parser.add_argument("--n-resamples", type=int, default=500)
    args = parser.parse_args()
    rows = []
    for detector in sorted(args.detections.glob("*.parquet")):
        audited = read(args, detector)
        planted = errors(audited)
        kept = audited.may_be_wrong(planted.objects)
        candidates = planted.objects[kept].assign(planted=planted.kind[kept])
        seen = planted.objects[~planted.objects["iscrowd"].to_numpy(bool)]  # peers know no crowds
        scores = {"ours": ours(audited, planted, candidates)}
        for peer, program in PEERS.items():
            found = theirs(program, audited, seen)
            of_candidate = np.flatnonzero(seen["annotation_id"].isin(candidates["annotation_id"]))
            scores[peer] = {k: of if k == OVERLOOKED else of[of_candidate] for k, of in found.items()}
        weights = Bootstrap(len(audited.image_ids), args.n_resamples, SEED).weights_with_all
        for kind in KINDS:
            positive = planted_among(audited, planted, candidates, kind)
            image = audited.rows_of(audited.detections if kind == OVERLOOKED else candidates)
            ranked = np.ones(len(image), bool)
            if kind == OVERLOOKED:  # no others were taken out
                ranked = audited.columns_of(audited.detections) >= 0
            precision = {
                who: WeightedRanking(image[ranked], of[kind][ranked], positive[ranked], weights).average_precision()
                for who, of in scores.items()
                if kind in of
            }
            for who, values in precision.items():
                gain = precision["ours"] - values
                low, high = interval(values[1:])
                row = {"detector": detector.stem, "images": len(weights[0]), "kind": kind, "by": who, "planted": positive.sum(),
                       "average_precision": values[0], "low": low, "high": high}  # fmt: skip
                if who != "ours":
                    row |= {"gain": gain[0], **dict(zip(("gain_low", "gain_high"), interval(gain[1:]), strict=True))}
                rows.append(row)
        table = pd.DataFrame(rows)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(args.output, index=False, float_format="%.4g")
        print(table[table["detector"] == detector.stem].round(3).to_string(index=False), flush=True)


if __name__ == "__main__":
    main_of(main)
