"""How exact the conversion of Darknet networks is: generated networks beside OpenCV 4's own reader of them.

    python benchmarks/darknet.py [--networks N] [--seed S]

Each network is random: layers of the whole vocabulary, activations, shortcuts and routes, one to three heads. Both give
boxes and class scores for the same images, which are compared with those of NumPy in double precision, computed layer by layer as
Darknet does. The largest difference of each network is printed, and of ours the largest of all is compared with a bound. Ends
with status 1 where a network differs by more. Needs OpenCV 4 in the peers' environment.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
from measure import ROOT, main_of, peer_python

from contextual_anomaly.detection.darknet.convert import convert

sys.path.insert(0, str(ROOT))
from tests.detection.darknet_forward import outputs, write

BOUND = 1e-4  # of boxes as shares of the input, and of scores
SIDE = 64  # pixels
CLASSES = 3
ACTIVATIONS = ("leaky", "relu", "mish", "swish", "logistic", "linear")


class Generator:
    """A network that grows layer by layer; every layer fits those before it."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin with an image."""
        self.rng = rng
        self.layers: list[tuple[str, dict]] = []
        self.shapes: list[tuple[int, int]] = []  # channels and side of each layer
        self.kinds: set[str] = set()

    @property
    def channels(self) -> int:
        """Channels of the last layer."""
        return self.shapes[-1][0] if self.shapes else 3

    @property
    def side(self) -> int:
        """Height and width of the last layer."""
        return self.shapes[-1][1] if self.shapes else SIDE

    def add(self, kind: str, keys: dict, channels: int, side: int) -> None:
        """Add a layer."""
        self.layers.append((kind, keys))
        self.shapes.append((channels, side))
        self.kinds.add(kind)

    def convolution(self, filters: int, size: int = 1, stride: int = 1, **keys) -> None:
        """Add a convolution."""
        keys = {"filters": filters, "size": size, "stride": stride, "pad": 1, "activation": "linear", **keys}
        self.add("convolutional", keys, filters, (self.side - 1) // stride + 1)

    def random_layer(self) -> None:
        """Add a layer of any kind, or the few that belong together."""
        rng = self.rng
        activation = str(rng.choice(ACTIVATIONS))
        match rng.integers(10):
            case 0 | 1 | 2:
                self.convolution(
                    int(rng.choice([4, 8, 12])), int(rng.choice([1, 3])), batch_normalize=int(rng.integers(2)),
                    activation=activation,
                )  # fmt: skip
            case 3:
                groups = int(rng.choice([g for g in (1, 2, 4) if self.channels % g == 0]))
                self.convolution(8, 3, groups=groups, batch_normalize=1, activation=activation)
            case 4:
                size = int(rng.choice([2, 3, 5]))
                self.add("maxpool", {"size": size, "stride": 1}, self.channels, self.side)
            case 5:
                same = [i for i, (_, side) in enumerate(self.shapes[:-1]) if side == self.side]
                if same:
                    back = int(rng.choice(same)) - len(self.shapes)
                    keys = {"from": back, "activation": str(rng.choice(["linear", "leaky"]))}
                    self.add("shortcut", keys, self.channels, self.side)
            case 6:
                same = [i for i, (_, side) in enumerate(self.shapes) if side == self.side]
                chosen = sorted({int(i) for i in rng.choice(same, min(2, len(same)))} - {len(self.shapes) - 1})
                listed = [-1, *(i - len(self.shapes) for i in chosen)]
                channels = sum(self.shapes[i][0] for i in listed)
                self.add("route", {"layers": ",".join(map(str, listed))}, channels, self.side)
            case 7:
                if self.channels % 2 == 0:
                    keys = {"layers": -1, "groups": 2, "group_id": int(rng.integers(2))}
                    self.add("route", keys, self.channels // 2, self.side)
            case 8:
                channels, side = self.channels, self.side
                self.add("avgpool", {}, channels, 1)
                self.convolution(4, activation="swish")
                self.convolution(channels, activation="logistic")
                self.add("scale_channels", {"from": -4}, channels, side)
            case 9:
                channels = self.channels
                self.convolution(channels, activation="logistic")
                self.add("sam", {"from": -2}, channels, self.side)

    def head(self) -> None:
        """Add a head of YOLOv3 or v4."""
        self.convolution(2 * (5 + CLASSES))
        keys = {"mask": "0,1", "anchors": "10,14, 23,27, 37,58", "classes": CLASSES, "num": 3}
        if self.rng.integers(2):
            keys["scale_x_y"] = 1.1
        self.add("yolo", keys, self.channels, 0)  # no layer reads from a head


def generate(rng: np.random.Generator) -> tuple[list[tuple[str, dict]], set[str]]:
    """[net] and the layers of a random network with one to three heads, and the kinds of its layers."""
    network = Generator(rng)
    network.convolution(8, 3, 2, batch_normalize=1, activation="leaky")
    for number in range(int(rng.integers(1, 4))):
        if number:
            if rng.integers(2) and network.side > 4:
                network.add("route", {"layers": -3}, *network.shapes[-3])
                network.convolution(8, 3, 2, activation="leaky")
            else:
                network.add("route", {"layers": -3}, *network.shapes[-3])
                network.add("upsample", {"stride": 2}, network.channels, 2 * network.side)
        for _ in range(int(rng.integers(2, 7))):
            network.random_layer()
        network.head()
    return [("net", {"width": SIDE, "height": SIDE, "channels": 3}), *network.layers], network.kinds


def ours(cfg: Path, weights: Path, images: np.ndarray, folder: Path) -> np.ndarray:
    """[B, boxes, 4 + classes]: boxes in shares of the input, and scores, as the project reads them."""
    onnx.save(convert(cfg, weights), folder / "net.onnx")
    network = cv2.dnn.readNetFromONNX(str(folder / "net.onnx"))
    network.setInput(images)
    answer = network.forward().transpose(0, 2, 1)
    answer[..., :4] /= SIDE
    return answer


def theirs(cfg: Path, weights: Path, images: np.ndarray, folder: Path) -> np.ndarray:
    """The same by OpenCV 4, image by image; it orders boxes by cell first, then by anchor."""
    answers = []
    for image in images:
        np.save(folder / "image.npy", image[None])
        program = ROOT / "benchmarks/peers/darknet_forward.py"
        files = (cfg, weights, folder / "image.npy", folder / "answer.npz")
        done = subprocess.run([peer_python("cv2"), program, *files], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        with np.load(folder / "answer.npz") as heads:
            rows = [heads[name].reshape(-1, 2, 5 + CLASSES).transpose(1, 0, 2) for name in heads.files]
        together = np.concatenate([part.reshape(-1, 5 + CLASSES) for part in rows])
        # OpenCV gives the scores with the objectness, and zero where it is not above its threshold.
        answers.append(np.concatenate([together[:, :4], together[:, 5:]], axis=1))
    return np.stack(answers)


def main() -> None:
    """Generate, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds: set[str] = set()
    worst, refused, differ = np.zeros(2), 0, 0
    for number in range(options.networks):
        rng = np.random.default_rng([options.seed, number])
        sections, of_network = generate(rng)
        images = rng.uniform(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            layers, numbers = outputs(sections, images, rng)
            heads = [layer for layer, (kind, _) in zip(layers, sections[1:], strict=True) if kind == "yolo"]
            exact = np.concatenate(heads, axis=2).transpose(0, 2, 1) / ([SIDE] * 4 + [1] * CLASSES)
            made = write(Path(folder), sections, numbers)
            for section in sections:
                section[1].pop("thresh", None)
            found = ours(made.cfg, made.weights, images, Path(folder))
            try:
                peer = theirs(made.cfg, made.weights, images, Path(folder))
            except RuntimeError as error:
                refused += 1
                print(f"network {number}, {len(sections) - 1} layers: OpenCV 4 refuses it: {error}", flush=True)
                continue
        # Scores that OpenCV leaves out are zero there.
        kept = np.concatenate([np.ones(peer[..., :4].shape, bool), peer[..., 4:] > 0], axis=-1)
        differences = np.array([np.abs(answer - exact)[kept].max() for answer in (found, peer)])
        kinds |= of_network
        worst, differ = np.maximum(worst, differences), differ + (differences[0] > BOUND)
        told = ", DIFFERS" if differences[0] > BOUND else ""
        print(
            f"network {number}, {len(sections) - 1} layers: largest difference {differences[0]:.2g}, of OpenCV 4 "
            f"{differences[1]:.2g}{told}", flush=True,
        )  # fmt: skip
    compared = options.networks - refused
    print(
        f"{compared} networks compared, {differ} differ by more than {BOUND:g}, {refused} refused by OpenCV 4; largest "
        f"difference {worst[0]:.2g}, of OpenCV 4 {worst[1]:.2g}; layers: {', '.join(sorted(kinds))}"
    )
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main_of(main)
