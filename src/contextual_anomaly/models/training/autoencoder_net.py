"""The autoencoder as a Flax module."""

import flax.linen as nn
import jax
import numpy as np


class AutoencoderNet(nn.Module):
    """The network of Blaha, Broughton, Krajník 2020: logits [..., C] from presence [..., C].

    Attributes:
        classes: C.
        width: units of the hidden layer.
    """

    classes: int
    width: int

    @nn.compact
    def __call__(self, presence: jax.Array | np.ndarray) -> jax.Array:
        """Return the logits of the reconstruction."""
        # Flax's default initializer is LeCun's; the original's Keras used Glorot's uniform one.
        glorot = nn.initializers.glorot_uniform()
        hidden = nn.relu(nn.Dense(self.width, kernel_init=glorot, name="encoder")(presence))
        return nn.Dense(self.classes, kernel_init=glorot, name="decoder")(hidden)
