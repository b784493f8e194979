"""List probable annotation errors of a data set in COCO's format, by which classes belong together.

The model learns from the training annotations; the validation annotations are audited. With a detector's boxes the audit
finds more: see the command `contextual-anomaly audit`.

Run: python examples/audit_a_dataset.py train.json val.json
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

import contextual_anomaly as ca
from contextual_anomaly import tables
from contextual_anomaly.audit.findings import audit, explained, listed
from contextual_anomaly.audit.inputs import AuditFiles, read_audited
from contextual_anomaly.scenes import write_scenes


def find_issues(train: Path, val: Path, folder: Path, family: str) -> pd.DataFrame:
    """Return the findings in ``val`` by a model that learns from ``train``; tables are written into ``folder``."""
    annotations, _, categories = ca.read_coco(train)
    scenes = ca.count_instances(annotations, categories, "train").of_at_least(2)
    presence = pd.DataFrame(scenes.presence, columns=scenes.classes)
    model = ca.ContextAnomalyDetector(family).fit(presence).model_

    ca.save_model(model, folder / "model.safetensors")
    write_scenes(scenes, folder / "scenes.parquet")
    audited_tables = zip(
        ("annotations", "images", "categories"),
        ca.read_coco(val),
        (tables.ANNOTATIONS, tables.IMAGES, tables.CATEGORIES),
        strict=True,
    )
    for name, table, schema in audited_tables:
        tables.write_table(table, schema, folder / f"{name}.parquet")
    files = AuditFiles(
        annotations=[folder / "annotations.parquet"],
        categories=folder / "categories.parquet",
        images=[folder / "images.parquet"],
        models=[folder / "model.safetensors"],
        train_scenes=folder / "scenes.parquet",
    )
    audited, _ = read_audited(files, bottleneck=10, folds=5, seed=0, error_rate=0.01, cross_fitted=False)
    return explained(audited, listed(audit(audited, min_probability=0.2), max_issues=50))


def main() -> None:
    """Print the findings, the likeliest first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path, help="annotations to learn from (COCO JSON)")
    parser.add_argument("val", type=Path, help="annotations to audit (COCO JSON)")
    parser.add_argument("--family", default="pairwise", help="family of the context model")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        findings = find_issues(arguments.train, arguments.val, Path(folder), arguments.family)
    for found in findings.itertuples():
        label = f"{found.given_label} -> {found.predicted_label}" if found.given_label else found.predicted_label
        record = f"annotation {found.annotation_id:g}" if found.given_label else "no annotation"
        print(f"{found.probability:.3f} {found.kind}, {found.file_name}, {record}: {label} ({found.explanation})")


if __name__ == "__main__":
    main()
