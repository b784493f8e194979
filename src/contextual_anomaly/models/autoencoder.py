"""The autoencoder: C classes -> d units, ReLU -> C classes, sigmoid; a file holds a whole sweep over d and weight seeds."""

import json
from pathlib import Path

import numpy as np

from contextual_anomaly.models.base import Member
from contextual_anomaly.models.store import read_model, save_model

SCENES_AT_ONCE = 2048  # bounds the [changed entries, units] arrays of one member to some 10 MB


class Autoencoder:
    """A trained sweep, M members.

    A member of fewer units than the widest is padded with zeros, which change nothing.
    With ``leave_one_out`` the expectation of a class is read with that class taken out of the input, as
    P(class | the others); without, it is the original's plain reconstruction, which sees the class itself.
    """

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        members: tuple[Member, ...],
        weights: dict[str, np.ndarray],
        leave_one_out: bool,
    ) -> None:
        self.name = name
        self.classes = classes
        self.members = members
        self.encoder = weights["encoder"]  # [M, C, D]
        self.encoder_bias = weights["encoder_bias"]  # [M, D]
        self.decoder = weights["decoder"]  # [M, D, C]
        self.decoder_bias = weights["decoder_bias"]  # [M, C]
        self.leave_one_out = leave_one_out

    def expected(self, evidence: np.ndarray) -> np.ndarray:
        """[M, N, C]: the reconstruction, or what it would be without each class's own evidence."""
        if self.leave_one_out:
            return self._with_own_evidence(evidence, np.zeros_like)
        return self._reconstruct(evidence.astype(np.float32))

    def toggled(self, evidence: np.ndarray) -> np.ndarray:
        """[M, N, C]: the expectation of each class, had it itself been the other way round."""
        return self._with_own_evidence(evidence, np.zeros_like if self.leave_one_out else lambda own: 1 - own)

    def _reconstruct(self, evidence: np.ndarray) -> np.ndarray:
        result = np.empty((len(self.members), *evidence.shape), np.float32)
        for m, member in enumerate(self.members):  # one at a time: its arrays fit the processor's cache
            d = member.bottleneck
            hidden = np.maximum(evidence @ self.encoder[m, :, :d] + self.encoder_bias[m, :d], 0)
            np.matmul(hidden, self.decoder[m, :d], out=result[m])
            result[m] += self.decoder_bias[m]
            _sigmoid_in_place(result[m])
        return result

    def _with_own_evidence(self, evidence: np.ndarray, replace) -> np.ndarray:
        """Entry (n, c) of the result reads ``evidence[n]`` with entry c replaced by ``replace`` of it.

        One class changes the units' inputs by a row of the encoder, so no second pass over the classes is needed.
        """
        evidence = evidence.astype(np.float32)
        result = self._reconstruct(evidence)
        change = replace(evidence) - evidence
        for start in range(0, len(evidence), SCENES_AT_ONCE):
            row, column = np.nonzero(change[start : start + SCENES_AT_ONCE])  # elsewhere the reconstruction stands
            row += start
            by = change[row, column][:, None]
            for m, member in enumerate(self.members):
                d = member.bottleneck
                units = evidence[start : start + SCENES_AT_ONCE] @ self.encoder[m, :, :d] + self.encoder_bias[m, :d]
                hidden = np.maximum(units[row - start] + by * self.encoder[m, column, :d], 0)  # [entries, d]
                logits = np.einsum("ed,ed->e", hidden, self.decoder[m, :d].T[column]) + self.decoder_bias[m, column]
                result[m, row, column] = _sigmoid_in_place(logits)
        return result


def _sigmoid_in_place(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-logits)); NumPy's float32 exp is vectorised, SciPy's expit is not and takes five times as long."""
    np.negative(logits, out=logits)
    with np.errstate(over="ignore"):  # exp of a large number is inf, and 1 / inf is the 0 that is meant
        np.exp(logits, out=logits)
    logits += 1
    return np.reciprocal(logits, out=logits)


def save(model: Autoencoder, path: str | Path, made_from: dict[str, str]) -> None:
    """Write the sweep; ``made_from`` says how it was trained."""
    tensors = {
        "encoder": model.encoder,
        "encoder_bias": model.encoder_bias,
        "decoder": model.decoder,
        "decoder_bias": model.decoder_bias,
    }
    metadata = {
        "family": "autoencoder",
        "name": model.name,
        "classes": json.dumps(model.classes),
        "members": json.dumps([[m.bottleneck, m.seed] for m in model.members]),
        "leave_one_out": json.dumps(model.leave_one_out),
    }
    save_model(path, tensors, {**metadata, **made_from})


def load(path: str | Path) -> Autoencoder:
    """The sweep that `save` wrote."""
    metadata, tensors = read_model(path)
    return Autoencoder(
        name=metadata["name"],
        classes=tuple(json.loads(metadata["classes"])),
        members=tuple(Member(bottleneck, seed) for bottleneck, seed in json.loads(metadata["members"])),
        weights=tensors,
        leave_one_out=json.loads(metadata["leave_one_out"]),
    )
