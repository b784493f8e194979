"""Peer: ONNX Runtime's forward pass of a network, nothing else. Prints the seconds of all passes.

python onnxruntime_forward.py NETWORK PASSES CORES BATCH CHANNELS HEIGHT WIDTH
"""

import sys
import time

import numpy as np
import onnxruntime


def main() -> None:
    """Once for nothing, then as often as asked."""
    weights, passes, cores, *shape = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(cores)
    session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    blob = np.random.default_rng(0).random(tuple(map(int, shape)), np.float32)
    feed = {session.get_inputs()[0].name: blob}
    session.run(None, feed)
    start = time.perf_counter()
    for _ in range(int(passes)):
        session.run(None, feed)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
