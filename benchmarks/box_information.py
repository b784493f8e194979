"""`python benchmarks/box_information.py [--images N]`: how much boxes tell about classes, on COCO and in the synthetic world.

One small network is fitted on each data set in the same way. It predicts the class of an object, from its box alone, from
the company (which classes the other objects of the image have, how many, how large and where), and from both. What it says
is the gain over the class frequencies in nats, on images that it was not fitted on.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
import optax
from measure import coco

from contextual_anomaly.coco.reader import read_instances
from contextual_anomaly.models.synthetic.boxes import HEIGHT, WIDTH
from contextual_anomaly.models.synthetic.scene_oracle import SceneOracle
from contextual_anomaly.world.sampling import sample_objects
from contextual_anomaly.world.scene_types import load_world

CLASSES = 80
HIDDEN = 192
EPOCHS = 6
BATCH = 1024
TOUCHES = 0.005  # of the image's side
SMALLEST = 0.003  # of the image's side; smaller boxes count as so large


def of_coco(images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image (numbers from 0), class and box (shares of the image) of each object of so many of COCO's training images."""
    annotations, records, categories = read_instances(coco() / "annotations" / "instances_train2017.json")
    annotations = annotations.filter(np.logical_not(annotations["iscrowd"].to_numpy(zero_copy_only=False)))
    image_id = annotations["image_id"].to_numpy()
    chosen = rng.permutation(np.unique(image_id))[:images]
    rows = np.flatnonzero(np.isin(image_id, chosen))
    order = np.argsort(chosen)
    image = order[np.searchsorted(chosen, image_id[rows], sorter=order)]
    record = np.searchsorted(records["image_id"].to_numpy(), image_id[rows])
    sides = np.stack([records[side].to_numpy()[record] for side in ("width", "height")] * 2, 1)
    box = np.stack([annotations[side].to_numpy()[rows] for side in ("x", "y", "width", "height")], 1) / sides
    column = np.searchsorted(categories["category_id"].to_numpy(), annotations["category_id"].to_numpy()[rows])
    return image, column, box


def of_world(images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of sampled scenes that have an object."""
    objects = sample_objects(load_world(), images * 11 // 10, rng)
    _, image = np.unique(objects.image, return_inverse=True)
    kept = image < images
    return image[kept], objects.column[kept], objects.box[kept] / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])


def gains(image: np.ndarray, column: np.ndarray, box: np.ndarray) -> dict[str, float]:
    """Nats about the class that box, company and both tell, on the last fifth of the images."""
    size = np.maximum(box[:, 2:], SMALLEST)
    first, last = box[:, :2], box[:, :2] + box[:, 2:]
    of_box = np.column_stack(
        [np.log(size), first + box[:, 2:] / 2, last[:, 1], np.log(size).sum(1), np.log(size[:, 0] / size[:, 1]),
         first[:, 0] < TOUCHES, last > 1 - TOUCHES]
    )  # fmt: skip
    of_box = ((of_box - of_box.mean(0)) / np.maximum(of_box.std(0), 1e-9)).astype(np.float32)
    added = np.column_stack([np.ones(len(column)), of_box[:, [5, 2, 3]]])  # number, size, centre
    total = np.zeros((image.max() + 1, CLASSES, 4), np.float32)
    np.add.at(total, (image, column), added)

    def of_company(rows: np.ndarray) -> np.ndarray:
        others = total[image[rows]]
        others[np.arange(len(rows)), column[rows]] -= added[rows]
        number = others[..., 0]
        mean = others[..., 1:] / np.maximum(number, 1)[..., None]
        return np.concatenate([number > 0, np.log1p(number), mean.reshape(len(rows), -1)], 1).astype(np.float32)

    held_out = image >= (image.max() + 1) * 4 // 5
    train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    share = np.bincount(column[train], minlength=CLASSES) + 0.5
    share = share / share.sum()
    alone = -np.log(share[column[test]]).mean()
    features = {
        "box": lambda rows: of_box[rows],
        "company": of_company,
        "box and company": lambda rows: np.concatenate([of_box[rows], of_company(rows)], 1),
    }
    return {name: alone - loss_of_network(of, column, train, test, share) for name, of in features.items()}


def loss_of_network(features, column: np.ndarray, train: np.ndarray, test: np.ndarray, share: np.ndarray) -> float:
    """Fit the network on some objects and return its loss on others."""
    keys = jax.random.split(jax.random.key(0), 2)
    width = features(train[:1]).shape[1]
    weights = [
        jax.random.normal(keys[0], (width, HIDDEN)) * (2 / width) ** 0.5, jnp.zeros(HIDDEN),
        jax.random.normal(keys[1], (HIDDEN, HIDDEN)) * (2 / HIDDEN) ** 0.5, jnp.zeros(HIDDEN),
        jnp.zeros((HIDDEN, CLASSES)), jnp.log(jnp.array(share)),
    ]  # fmt: skip

    def losses(weights, inputs, targets):
        hidden = jax.nn.relu(jax.nn.relu(inputs @ weights[0] + weights[1]) @ weights[2] + weights[3])
        return optax.softmax_cross_entropy_with_integer_labels(hidden @ weights[4] + weights[5], targets)

    optimizer = optax.adamw(optax.cosine_decay_schedule(2e-3, EPOCHS * (len(train) // BATCH)), weight_decay=1e-3)

    @jax.jit
    def step(weights, state, inputs, targets):
        gradient = jax.grad(lambda w: losses(w, inputs, targets).mean())(weights)
        updates, state = optimizer.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state

    state, rng = optimizer.init(weights), np.random.default_rng(1)
    for _ in range(EPOCHS):
        order = rng.permutation(train)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            weights, state = step(weights, state, features(rows), column[rows])
    chunks = [test[start : start + BATCH] for start in range(0, len(test), BATCH)]
    return float(np.concatenate([losses(weights, features(rows), column[rows]) for rows in chunks]).mean())


def oracle_gain(images: int = 2000) -> float:
    """What the exact probabilities of the synthetic world tell, in nats."""
    world = load_world()
    objects = sample_objects(world, images, np.random.default_rng(1))
    exact = SceneOracle(world, objects.image, objects.column, objects.box, images).class_probability()
    share = np.bincount(objects.column, minlength=CLASSES) / len(objects.column)
    own = exact[np.arange(len(exact)), objects.column]
    return float(np.log(own).mean() - np.log(share[objects.column]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=14_000)
    images = parser.parse_args().images
    theirs = gains(*of_coco(images, np.random.default_rng(0)))
    ours = gains(*of_world(images, np.random.default_rng(0)))
    for name, value in theirs.items():
        print(f"{name}: COCO {value:.3f} nats, synthetic world {ours[name]:.3f}, ratio {ours[name] / value:.2f}")
    print(f"box and company, exactly: synthetic world {oracle_gain():.3f} nats")


if __name__ == "__main__":
    main()
