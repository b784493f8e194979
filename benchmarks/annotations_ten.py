"""`python benchmarks/annotations_ten.py [--runs N]`: a file ten times COCO's, 8.5 million objects, as large as Objects365.

It is COCO's training file ten times over, with other ids. The peers need ten times their memory, 27 GB and more, and
are not run: what is shown is that time grows as the file does, and memory much less.
"""

import argparse
import re
import shutil
from pathlib import Path

from annotations import plain_read, read
from measure import WORK, by_turns, coco, main_of, middle, report, seconds_of

TIMES = 10
IDS = re.compile(rb'("(?:image_)?id": ?\d+)')
CHUNK = 64 << 20


def enlarge(source: Path, target: Path) -> None:
    """Write images and annotations of ``source``, laid out as the official file, ten times, with one more digit in each id."""
    text = source.read_bytes()
    lists = []
    for name in (b'"images": [', b'"annotations": ['):
        begin = text.index(name) + len(name)
        ends = [
            end for end in (text.find(b'}], "annotations"', begin), text.find(b'}], "categories"', begin)) if end >= 0
        ]
        lists.append((begin, min(ends) + 1))
    (first, second), (third, fourth) = lists
    with target.open("wb") as file:
        file.write(text[:first])
        for begin, end, after in ((first, second, text[second:third]), (third, fourth, text[fourth:])):
            for copy in range(TIMES):
                file.write(b", " if copy else b"")
                while begin < end:
                    stop = min(text.find(b"}, {", min(begin + CHUNK, end)) + 1 or end, end)
                    file.write(IDS.sub(rb"\g<1>%d" % copy, text[begin:stop]))
                    begin = stop
                begin = first if end == second else third
            file.write(after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    one = coco() / "annotations" / "instances_train2017.json"
    out = WORK / "annotations_ten"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    ten = out / "instances.json"
    try:
        enlarge(one, ten)
        once, tenfold = by_turns(runs, lambda: read(one, out / "one"), lambda: read(ten, out / "ten"))
        report(
            "annotations, ten times COCO", "ten times the time of one", seconds_of(tenfold),
            peer_seconds=[10 * s for s in seconds_of(once)], peak_mb=middle(tenfold)[1], work=f"{ten.stat().st_size / 1e6:.0f} MB of JSON to read",
            bound_seconds=plain_read(ten),
        )  # fmt: skip
    finally:
        shutil.rmtree(out)


if __name__ == "__main__":
    main_of(main)
