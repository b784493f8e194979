"""The object transformer as a Flax module.

Objects are keys and values, questions are queries: a query reads the objects that it may see, layer by layer, and objects
never read each other. So the answer about an object, or about a class, cannot contain what is asked, in any layer, and one
pass answers exactly leave-one-out for all objects and classes of an image.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

PAIR_UNITS = 16
"""Width of the layer that turns relative places and sizes into attention."""
FAR = 4.0
"""Relative places are clipped there: further away says no more."""
MASKED = -1e9
"""Added to the attention to what a query may not see."""


def pair_features(query: Float[Array, "... Q 4"], key: Float[Array, "... K 4"]) -> Float[Array, "... Q K 6"]:
    """Return place and size of each box relative to each querying box.

    Args:
        query: centre x, centre y, log width and log height of the boxes, in shares of the image.
        key: the same.

    Returns:
        Distance of the centres in units of both boxes' half sides, across and down; log ratios of widths and heights; how
        much of the intersection fills each of the two boxes.
    """
    q, k = query[..., :, None, :], key[..., None, :, :]
    q_size, k_size = jnp.exp(q[..., 2:]), jnp.exp(k[..., 2:])
    distance = k[..., :2] - q[..., :2]
    reach = (q_size + k_size) / 2
    overlap = jnp.maximum(jnp.minimum(jnp.minimum(q_size, k_size), reach - jnp.abs(distance)), 0).prod(-1)
    parts = [jnp.clip(distance / reach, -FAR, FAR), k[..., 2:] - q[..., 2:]]
    shares = [overlap / q_size.prod(-1), overlap / k_size.prod(-1)]
    return jnp.concatenate([*parts, jnp.stack(shares, axis=-1)], axis=-1)


class ObjectNet(nn.Module):
    """Answers of queries about the objects that they see.

    Attributes:
        input_classes: A, the classes of objects.
        classes: C, the classes that are predicted to be present.
        units: width of the network.
        layers: layers of attention.
        heads: of each attention.
        dropout: share of units that are left out while training.
    """

    input_classes: int
    classes: int
    units: int
    layers: int
    heads: int
    dropout: float

    @nn.compact
    def __call__(
        self,
        labels: Float[Array, "R T A"],
        objects: Float[Array, "R T o"],
        boxes: Float[Array, "R T 4"],
        questions: Float[Array, "R U q"],
        visible: Float[Array, "R Q T"],
        train: bool = False,
    ) -> tuple[Float[Array, "R T A"], Float[Array, "R U C"]]:
        """Return logits of the class of each object, and log-odds of the classes for each question about the image.

        Args:
            labels: probability of each class of each object; what they lack to 1 is the share of an unknown class.
            objects: inputs of each object beside its class: `object_inputs`.
            boxes: what `pair_features` takes; the first of the object inputs says whether there is a box.
            questions: inputs of each question about an image: `question_inputs`.
            visible: weight of each object for each query, 0 where it is hidden; the first T queries are the objects,
                the other U are the questions about images.
            train: whether units are left out.
        """
        rows, tokens, _ = labels.shape
        drop = nn.Dropout(self.dropout, deterministic=not train)
        norm = nn.LayerNorm(use_bias=False, use_scale=False)
        embedding = self.param("classes", nn.initializers.normal(0.5), (self.input_classes + 1, self.units))
        unknown = 1 - labels.sum(-1, keepdims=True)
        content = jnp.concatenate([labels, unknown], -1) @ embedding + nn.Dense(self.units, name="object")(objects)
        content += drop(self._mlp("object_mlp", norm(content)))
        content = norm(content)

        number = jnp.log1p(visible.sum(-1, keepdims=True))
        own = nn.Dense(self.units, name="query_object")(jnp.concatenate([objects, number[:, :tokens]], -1))
        image = nn.Dense(self.units, name="query_image")(jnp.concatenate([questions, number[:, tokens:]], -1))
        query = jnp.concatenate([own, image], axis=1)

        bias = self._pair_bias(boxes, objects[..., :1])
        weight = jnp.where(visible > 0, jnp.log(jnp.maximum(visible, 1e-9)), MASKED)
        width = self.units // self.heads
        for layer in range(self.layers):
            name = f"layer_{layer}"
            asked = nn.Dense(self.units, name=f"{name}_query")(norm(query)).reshape(rows, -1, self.heads, width)
            keys = nn.Dense(self.units, use_bias=False, name=f"{name}_key")(content)
            values = nn.Dense(self.units, name=f"{name}_value")(content).reshape(rows, tokens, self.heads, width)
            # What a query attends to where no object says anything.
            nothing = self.param(f"{name}_nothing", nn.initializers.normal(0.1), (self.heads,))
            scores = jnp.einsum("rqhw,rthw->rhqt", asked, keys.reshape(rows, tokens, self.heads, width)) / width**0.5
            scores += jnp.pad(bias[:, layer], ((0, 0), (0, 0), (0, questions.shape[1]), (0, 0)))
            scores += weight[:, None]
            scores = jnp.concatenate(
                [scores, jnp.broadcast_to(nothing[:, None, None], (*scores.shape[:3], 1))], axis=-1
            )
            attention = jax.nn.softmax(scores, axis=-1)[..., :-1]
            read = jnp.einsum("rhqt,rthw->rqhw", attention, values).reshape(rows, -1, self.units)
            query += drop(nn.Dense(self.units, name=f"{name}_out")(read))
            query += drop(self._mlp(f"{name}_mlp", norm(query)))
        answer = norm(query)
        of_objects = nn.Dense(self.input_classes, name="class_of_object")(answer[:, :tokens])
        return of_objects, nn.Dense(self.classes, name="class_present")(answer[:, tokens:])

    def _mlp(self, name: str, inputs: Array) -> Array:
        hidden = nn.silu(nn.Dense(2 * self.units, name=f"{name}_in")(inputs))
        return nn.Dense(self.units, name=f"{name}_out")(hidden)

    def _pair_bias(self, boxes: Float[Array, "R T 4"], boxed: Float[Array, "R T 1"]) -> Float[Array, "R L H T T"]:
        """Return what relative places and sizes add to the attention of objects to objects."""
        hidden = nn.silu(nn.Dense(PAIR_UNITS, name="pair_in")(pair_features(boxes, boxes)))
        bias = nn.Dense(self.layers * self.heads, name="pair_out")(hidden)
        both = boxed[:, :, None] * boxed[:, None, :]
        bias = (bias * both).reshape(*bias.shape[:3], self.layers, self.heads)
        return bias.transpose(0, 3, 4, 1, 2)
