"""`python benchmarks/audit.py [--rounds N]`: how long an audit takes, beside cleanlab's on the same boxes.

COCO's validation split, all 5,000 images, with the boxes of a Faster R-CNN (`../shared/detections`). Both read the same
files; imports are not counted. cleanlab ranks images by overlooked, badly located and swapped objects; ours lists objects
with probabilities, reasons and places. Which of them finds more is another question. The bound is what the context model
alone takes for all images.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from measure import ROOT, WORK, Lacking, by_turns, coco, main_of, optional, peer_python, report, run

import contextual_anomaly as ca
from contextual_anomaly import pretrained
from contextual_anomaly.models.registry import load_model

DETECTIONS = ROOT.parent / "shared/detections/faster-rcnn-resnet-50.parquet"
PEERS = Path(__file__).parent / "peers"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    instances = coco() / "annotations" / "instances_val2017.json"
    for path in (instances, DETECTIONS):
        if not path.is_file():
            raise Lacking(f"{path}: there is no such file")
    boxes = pd.read_parquet(DETECTIONS).rename(columns={"w": "width", "h": "height"})
    boxes["score"] = boxes["score"].clip(0, 1)
    WORK.mkdir(parents=True, exist_ok=True)
    same = WORK / "detections.npz"
    np.savez(same, **{name: boxes[name].to_numpy() for name in boxes})
    model = load_model(pretrained.find("coco"))

    def timed(call):
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    def ours():
        return timed(lambda: ca.find_label_issues(instances, model, boxes))

    tasks = [ours]
    python = optional(lambda: peer_python("cleanlab"))
    if python:
        tasks.append(lambda: float(run(python, PEERS / "cleanlab_audit.py", instances, same).output.split()[-1]))
    mine, *theirs = by_turns(rounds, *tasks)
    annotations, _, categories = ca.read_coco(instances)
    presence = ca.count_instances(annotations, categories, "COCO").without("person").of_at_least(1).presence
    bound = min(timed(lambda: model.log_odds(presence)) for _ in range(3))
    report(
        "audit of COCO's validation split, with a detector", "cleanlab" if theirs else "", mine,
        peer_seconds=theirs[0] if theirs else None, work=f"log-odds of {len(presence):,} scenes; {len(boxes):,} boxes",
        bound_seconds=bound,
    )  # fmt: skip


if __name__ == "__main__":
    main_of(main)
