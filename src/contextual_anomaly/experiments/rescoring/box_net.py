"""The network that rescores a box from its confidence, class and geometry, and from the other boxes of its image.

After Pato et al., "Seeing without looking" (CVPR 2020), who read the boxes with a recurrent network and attention; here
they are a set, and the answer is a correction of the detector's log-odds, so that an untrained network changes nothing.
"""

import flax.linen as nn
import jax.numpy as jnp


class BoxNet(nn.Module):
    """Corrections [B, K] of log-odds, for B images of K boxes."""

    classes: int
    width: int = 16

    @nn.compact
    def __call__(self, seen: jnp.ndarray, column: jnp.ndarray, weight: jnp.ndarray) -> jnp.ndarray:
        """
        Args:
            seen: [B, K, F] standardised features.
            column: [B, K] the class of each box.
            weight: [B, K] how much a box counts as company: its confidence; 0 where there is no box.
        """
        named = nn.Embed(self.classes, self.width, embedding_init=nn.initializers.normal(0.1), name="class")(column)
        own = nn.relu(nn.Dense(self.width, name="box")(seen) + named)
        asked, offered = nn.Dense(self.width, name="query")(own), nn.Dense(self.width, name="key")(own)
        # Attention to the other boxes, each in proportion to its confidence; one that is alone attends to nothing.
        affinity = jnp.exp(jnp.clip(asked @ offered.swapaxes(-1, -2) / self.width**0.5, -8, 8)) * weight[:, None, :]
        affinity = affinity * (1 - jnp.eye(column.shape[-1]))
        company = affinity @ nn.Dense(self.width, name="value")(own) / (affinity.sum(-1, keepdims=True) + 1e-2)
        hidden = nn.relu(nn.Dense(self.width, name="hidden")(jnp.concatenate([own, company], -1)))
        return nn.Dense(1, kernel_init=nn.initializers.zeros, name="correction")(hidden)[..., 0]
