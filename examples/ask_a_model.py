"""Ask a fitted model about one scene: which objects are unexpected, and what is missing.

Run `make run` first, then: python examples/ask_a_model.py laptop keyboard surfboard
"""

import argparse
from pathlib import Path

import contextual_anomaly as ca


def main() -> None:
    """Print the answer for the classes on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("objects", nargs="+", help="classes in the image, such as cup, or with a score: cup=0.7")
    parser.add_argument("--run", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--model", help="name of one of its models; the first that lists anomalies if left out")
    parser.add_argument("--false-alarms", type=float, default=0.01, help="share of genuine objects that may be flagged")
    arguments = parser.parse_args()

    scores = {}
    for entry in arguments.objects:
        name, _, score = entry.partition("=")
        scores[name] = float(score or 1)
    prediction = ca.Predictor.from_run(arguments.run, arguments.model).predict(scores, missing=3)
    for found in prediction.objects:
        mark = "unexpected" if found.p_value is not None and found.p_value <= arguments.false_alarms else ""
        print(f"{found.category:<16} {found.probability:.4f} {mark:<10} {found.explanation}")
    print("missing:", ", ".join(f"{absent.category} ({absent.probability:.2f})" for absent in prediction.missing))


if __name__ == "__main__":
    main()
