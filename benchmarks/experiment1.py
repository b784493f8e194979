"""`python benchmarks/experiment1.py [--runs N]`: all of experiment 1 as published, 11 autoencoders, 20 draws, a whole process.

Three peers. Keras asked about one changed scene after another, as the original asks it: of such calls 2,000 are timed, and
the time of as many as there are trials is told from them. Keras asked about all trials of a model at once, and NumPy, which
is what people write who know that the original's way is slow. The peers only predict; ours also draws the trials,
evaluates them, makes the bootstrap intervals and repeats two parts without quirks.
"""

import argparse
from pathlib import Path

import pyarrow.parquet as pq
from measure import WORK, by_turns, command, main_of, middle, optional, peer_python, report, run, seconds_of
from sweep import fit, operations_a_second, presence_file, published, scenes_of_coco

PEERS = Path(__file__).parent / "peers"
CALLS = 2000
EPOCHS = 150
BOTTLENECKS = range(5, 16)
# Outright is told from the same prediction as unexpected.
ORIGINAL = ("inject_20_least_common_label", "inject_any", "inject_most_unexpected", "remove", "remove_most")
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    scenes, val = scenes_of_coco()
    presence = presence_file()
    model = WORK / "eleven.safetensors"
    if not model.exists():
        fit(scenes, "eleven", published(BOTTLENECKS, [0], EPOCHS))
    draws = WORK / "draws.parquet"

    def ours():
        targets = ["--draws-table", draws, "--summary", WORK / "summary.parquet", "--csv", WORK / "summary.csv"]
        sources = ["--model", model, "--scenes", val, "--train-scenes", scenes]
        return run(*command("experiment-published", *sources, *targets))

    ours()  # once for nothing, and for the number of trials
    table = pq.read_table(draws).to_pandas()
    print(table.groupby("experiment").trials.sum().to_string())
    trials = int(table[table.experiment.isin(ORIGINAL)].trials.sum())
    each = trials // len(BOTTLENECKS)
    tasks, python = {"": ours}, optional(lambda: peer_python("keras"))
    if python:
        tasks["Keras, a prediction a trial"] = lambda: run(
            python, PEERS / "keras_predict.py", presence, CALLS, env=QUIET
        )
        tasks["Keras, all trials of a model at once"] = lambda: run(
            *(python, PEERS / "keras_predict_batches.py", presence, each, *BOTTLENECKS), env=QUIET
        )
        tasks["NumPy"] = lambda: run(python, PEERS / "numpy_predict.py", presence, each, *BOTTLENECKS)
    mine, *theirs = by_turns(runs, *tasks.values())
    operations = trials / len(BOTTLENECKS) * sum(BOTTLENECKS) * 79 * 2 * 2
    bound = operations / operations_a_second()
    for name, those in zip(list(tasks)[1:] or [""], theirs or [None], strict=True):
        said = None if those is None else [float(r.output.strip().splitlines()[-1].split()[-1]) for r in those]
        report(
            "experiment 1 as published, 11 models, 20 draws", name, seconds_of(mine),
            peer_seconds=[s * trials for s in said] if said and "a trial" in name else said, peak_mb=middle(mine)[1],
            work=f"{trials:,} trials; {operations / 1e9:.1f}·10⁹ operations if each is computed by itself", bound_seconds=bound,
        )  # fmt: skip


if __name__ == "__main__":
    main_of(main)
