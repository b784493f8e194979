"""`python benchmarks/experiment1.py [--runs N]`: all of experiment 1 as published, 11 autoencoders, 20 draws, a whole process.

The original asks its network about one changed scene after another; of such calls 2,000 are timed, and the time of as
many as there are trials is told from them. Ours also makes the bootstrap intervals, and repeats two parts without quirks.
"""

import argparse
from pathlib import Path

import pyarrow.parquet as pq
from measure import WORK, command, middle, peer_python, report, run
from sweep import fit, operations_a_second, presence_file, published, scenes_of_coco

CALLS = 2000
EPOCHS = 150
# Outright is told from the same prediction as unexpected.
ORIGINAL = ("inject_20_least_common_label", "inject_any", "inject_most_unexpected", "remove", "remove_most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    scenes, val = scenes_of_coco()
    presence = presence_file()
    model = WORK / "eleven.safetensors"
    if not model.exists():
        fit(scenes, "eleven", published(range(5, 16), [0], EPOCHS))
    draws = WORK / "draws.parquet"

    def ours():
        targets = ["--draws-table", draws, "--summary", WORK / "summary.parquet", "--csv", WORK / "summary.csv"]
        sources = ["--model", model, "--scenes", val, "--train-scenes", scenes]
        return run(*command("experiment-published", *sources, *targets))

    def keras():
        return run(
            *(peer_python(), Path(__file__).parent / "peers" / "keras_predict.py", presence, CALLS),
            env={"TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    seconds, peak = middle([ours() for _ in range(runs)])
    backend, one = keras().output.strip().splitlines()[-1].split()
    table = pq.read_table(draws).to_pandas()
    print(table.groupby("experiment").trials.sum().to_string())
    trials = int(table[table.experiment.isin(ORIGINAL)].trials.sum())
    operations = trials / 11 * sum(range(5, 16)) * 79 * 2 * 2
    report(
        "experiment 1 as published, 11 models, 20 draws", f"Keras on {backend}, a prediction a trial", seconds,
        peer_seconds=float(one) * trials, runs=runs, peak_mb=peak,
        work=f"{trials:,} trials; {operations / 1e9:.1f}·10⁹ operations if each is computed by itself",
        bound_seconds=operations / operations_a_second(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
