"""The network that rescores a box from its score, class and geometry, and from the other boxes of its image.

After Pato et al., "Seeing without looking" (CVPR 2020), who read the boxes with a recurrent network and attention; here
they are a set, and the output is a correction of the detector's log-odds, so that an untrained network changes nothing.
"""

import flax.linen as nn
import jax.numpy as jnp


class BoxNet(nn.Module):
    """Corrections [B, K] of log-odds, for B images of K boxes."""

    classes: int
    width: int = 16

    @nn.compact
    def __call__(self, features: jnp.ndarray, column: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
        """Return the corrections [B, K].

        Args:
            features: [B, K, F] of `box_features`.
            column: [B, K] the class of each box.
            weight: [B, K] how much the other boxes attend to a box: its score; 0 where there is no box.
        """
        of_class = nn.Embed(self.classes, self.width, embedding_init=nn.initializers.normal(0.1), name="class")(column)
        own = nn.relu(nn.Dense(self.width, name="box")(features) + of_class)
        query, key = nn.Dense(self.width, name="query")(own), nn.Dense(self.width, name="key")(own)
        # Attention to the other boxes, each in proportion to its score; a box that is alone attends to nothing.
        affinity = jnp.exp(jnp.clip(query @ key.swapaxes(-1, -2) / self.width**0.5, -8, 8)) * weight[:, None, :]
        affinity = affinity * (1 - jnp.eye(column.shape[-1]))
        others = affinity @ nn.Dense(self.width, name="value")(own) / (affinity.sum(-1, keepdims=True) + 1e-2)
        hidden = nn.relu(nn.Dense(self.width, name="hidden")(jnp.concatenate([own, others], -1)))
        return nn.Dense(1, kernel_init=nn.initializers.zeros, name="correction")(hidden)[..., 0]
