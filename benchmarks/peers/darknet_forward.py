"""Peer: OpenCV 4's own reader of Darknet networks, which OpenCV 5 no longer has.

python darknet_forward.py CFG WEIGHTS IMAGES.npy ANSWERS.npz

Writes the output of each head for the images [B, 3, H, W]; rows of a head are centre x, centre y, width, height in shares of
the input, the objectness, and the confidence of each class.
"""

import sys

import cv2
import numpy as np


def main() -> None:
    """Read, run, write."""
    cfg, weights, images, answers = sys.argv[1:]
    network = cv2.dnn.readNetFromDarknet(cfg, weights)
    network.setInput(np.load(images))
    heads = network.forward(network.getUnconnectedOutLayersNames())
    np.savez(answers, *heads)
    print(cv2.__version__)


if __name__ == "__main__":
    main()
