"""List probable annotation errors of a data set of your own, by which classes belong together.

Annotations of any format that is read will do. Each image is judged by a model that has learnt from the other images. With
a detector's boxes (a result file of COCO, or a table of `contextual-anomaly detect`) the audit finds more.

Run: python examples/audit_a_dataset.py annotations.json
"""

import argparse
from pathlib import Path

import contextual_anomaly as ca


def main() -> None:
    """Print the findings, the likeliest first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("annotations", type=Path, help="a file or folder of annotations")
    parser.add_argument("--detections", type=Path, help="boxes of a detector on the same images")
    arguments = parser.parse_args()
    issues = ca.find_label_issues(arguments.annotations, detections=arguments.detections)
    print(f"judged by {issues.attrs['judged_by']}: {issues.attrs['context']}")
    for found in issues.itertuples():
        label = f"{found.given_label} -> {found.predicted_label}" if found.given_label else found.predicted_label
        record = f"annotation {found.annotation_id:g}" if found.given_label else "no annotation"
        print(f"{found.probability:.3f} {found.kind}, {found.file_name}, {record}: {label} ({found.explanation})")


if __name__ == "__main__":
    main()
