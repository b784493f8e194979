"""The autoencoder as a Flax module, apart from its inference so that asking a model does not start JAX."""

import flax.linen as nn
import jax.numpy as jnp


class AutoencoderNet(nn.Module):
    """The network of Blaha, Broughton, Krajník 2020; gives logits, [.., C] -> [.., C]."""

    classes: int
    width: int

    @nn.compact
    def __call__(self, presence: jnp.ndarray) -> jnp.ndarray:
        # Flax's default is LeCun's; the original's Keras draws Glorot-uniform weights.
        glorot = nn.initializers.glorot_uniform()
        hidden = nn.relu(nn.Dense(self.width, kernel_init=glorot, name="encoder")(presence))
        return nn.Dense(self.classes, kernel_init=glorot, name="decoder")(hidden)
