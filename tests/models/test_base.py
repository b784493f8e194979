"""What every stage that uses a model checks first."""

import numpy as np
import pytest

from contextual_anomaly.errors import UserError
from contextual_anomaly.models.base import Variant, require_conditional
from contextual_anomaly.models.families.autoencoder import Autoencoder
from contextual_anomaly.models.families.frequency import Frequency

CLASSES = ("cup", "fork", "kite")


def test_a_model_that_reconstructs_its_input_is_refused_and_one_that_leaves_it_out_is_not():
    copying = {
        "encoder": np.eye(3, dtype=np.float32)[None],
        "encoder_bias": np.zeros((1, 3), np.float32),
        "decoder": 4 * np.eye(3, dtype=np.float32)[None],
        "decoder_bias": np.full((1, 3), -2, np.float32),
    }
    sweep = Autoencoder("sweep", CLASSES, (Variant(3, 0),), copying, leave_one_out=False)
    with pytest.raises(UserError, match=r"'sweep' looks at the class .* Set audit\.model to a model that leaves"):
        require_conditional(sweep, 0, "audit.model")
    require_conditional(Frequency("frequency", CLASSES, np.zeros(3)), 0, "audit.model")
