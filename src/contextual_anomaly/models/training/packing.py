"""Images of very different numbers of objects as rows of the same length, so that one compiled program takes them all."""

import math
from dataclasses import dataclass

import numpy as np

from contextual_anomaly.array_types import Bool, Float32, Int, Int8, Int16
from contextual_anomaly.models.scene_tokens import SceneTokens

MOST_SCENES = 120
"""Scenes in a row, whose numbers are kept in a byte."""
QUESTION_ROOM = 1.1
"""Questions that a row has room for, as a multiple of those that belong to its number of tokens on average."""
OPEN_ROWS = 24
"""Rows that are looked at for a place, for each image."""


@dataclass(frozen=True)
class PackedScenes:
    """Scenes in R rows of T tokens and U questions about whole images; several scenes share a row.

    Attributes:
        column: [R, T] the class of each token; A in unused places.
        features: [R, T, 8] standardised box features, 0 where there is no box.
        boxed: [R, T] whether the token has a box.
        crowd: [R, T] whether it is a crowd.
        scene: [R, T] the number of the token's scene within its row; -1 in unused places.
        asked: [R, U] the number of the scene that is asked about; -1 in unused places.
        hidden: [R, U] the class that the question is about and whose objects it does not see; -1 where it sees all
            objects and is about all absent classes.
        aspect: [R, U] logarithm of the image's aspect.
    """

    column: Int16[np.ndarray, "R T"]
    features: Float32[np.ndarray, "R T 8"]
    boxed: Bool[np.ndarray, "R T"]
    crowd: Bool[np.ndarray, "R T"]
    scene: Int8[np.ndarray, "R T"]
    asked: Int8[np.ndarray, "R U"]
    hidden: Int16[np.ndarray, "R U"]
    aspect: Float32[np.ndarray, "R U"]


def pack(
    tokens: SceneTokens,
    features: Float32[np.ndarray, "K 8"],
    with_questions: Bool[np.ndarray, " N"],
    predicted: Bool[np.ndarray, " A"],
    length: int,
    seed: int,
) -> PackedScenes:
    """Pack scenes into rows.

    Args:
        tokens: of N scenes.
        features: [K, 8] standardised, NaN where a token has no box.
        with_questions: [N] which scenes are asked which classes are present, not only which class an object has.
        predicted: [A] which input classes are asked about.
        length: T. Of a scene of more tokens, T are drawn: of each class the first, then others.
        seed: of the order of scenes and of what is drawn.
    """
    rng = np.random.default_rng(seed)
    kept = _drawn(tokens, length, rng)
    scene, column = tokens.scene[kept], tokens.column[kept]
    sizes = np.bincount(scene, minlength=len(tokens))
    asking = predicted[column] & with_questions[scene]
    pairs = np.unique(scene[asking] * len(predicted) + column[asking])
    numbers = np.bincount(pairs // len(predicted), minlength=len(tokens)) + with_questions
    # Rows of many small scenes would have many questions; with this limit, most places of all rows are used.
    limit = max(numbers.max(initial=1), math.ceil(QUESTION_ROOM * numbers.sum() * length / max(len(kept), 1)))
    rows = _fill(rng.permutation(np.flatnonzero(sizes)).tolist(), sizes.tolist(), numbers.tolist(), length, int(limit))

    # Where each scene lies: its row, its number there, and its first places.
    row, of_row, first, asked = np.zeros((4, len(tokens)), np.int64)
    row[:] = -1
    for number, scenes in enumerate(rows):
        row[scenes], of_row[scenes] = number, np.arange(len(scenes))
        first[scenes] = np.cumsum([0, *sizes[scenes[:-1]]])
        asked[scenes] = np.cumsum([0, *numbers[scenes[:-1]]])
    shape, asked_shape = (len(rows), length), (len(rows), int(limit))
    packed = PackedScenes(
        np.full(shape, len(predicted), np.int16),
        np.zeros((*shape, features.shape[1]), np.float32),
        np.zeros(shape, bool),
        np.zeros(shape, bool),
        np.full(shape, -1, np.int8),
        np.full(asked_shape, -1, np.int8),
        np.full(asked_shape, -1, np.int16),
        np.zeros(asked_shape, np.float32),
    )
    place = row[scene], first[scene] + _numbered(scene)
    packed.column[place] = column
    packed.features[place] = np.nan_to_num(features[kept])
    packed.boxed[place] = ~np.isnan(features[kept, 0])
    packed.crowd[place] = tokens.crowd[kept]
    packed.scene[place] = of_row[scene]
    general = np.flatnonzero(with_questions & (row >= 0))
    of_class = pairs // len(predicted)
    scene = np.concatenate([general, of_class])
    within = np.concatenate([np.zeros(len(general), np.int64), 1 + _numbered(of_class)])
    place = row[scene], asked[scene] + within
    packed.asked[place] = of_row[scene]
    packed.hidden[place] = np.concatenate([np.full(len(general), -1), pairs % len(predicted)])
    packed.aspect[place] = tokens.aspect[scene]
    return packed


def _drawn(tokens: SceneTokens, length: int, rng: np.random.Generator) -> Int[np.ndarray, " k"]:
    """Return the tokens that are kept, ascending: of each scene at most some, of each of its classes one before others."""
    scene = tokens.scene
    kept = np.ones(len(scene), bool)
    for crowded in np.flatnonzero(tokens.lengths > length):
        own = rng.permutation(np.arange(tokens.offsets[crowded], tokens.offsets[crowded + 1]))
        _, first = np.unique(tokens.column[own], return_index=True)
        kept[own] = False
        kept[own[np.concatenate([first, np.setdiff1d(np.arange(len(own)), first)])[:length]]] = True
    return np.flatnonzero(kept)


def _numbered(ascending: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return the number of each entry among its equals."""
    return np.arange(len(ascending)) - np.searchsorted(ascending, ascending)


def _fill(order: list[int], tokens: list[int], questions: list[int], length: int, asked: int) -> list[list[int]]:
    """Return the scenes of each row: each scene goes into the first open row with room for it."""
    rows: list[list[int]] = []
    open_rows: list[list[int]] = []  # row, room for tokens, room for questions
    for scene in order:
        size, number = tokens[scene], questions[scene]
        for place, (row, room, asked_room) in enumerate(open_rows):
            if size <= room and number <= asked_room and len(rows[row]) < MOST_SCENES:
                rows[row].append(scene)
                if room == size or asked_room == number:
                    del open_rows[place]
                else:
                    open_rows[place] = [row, room - size, asked_room - number]
                break
        else:
            rows.append([scene])
            open_rows.append([len(rows) - 1, length - size, asked - number])
            if len(open_rows) > OPEN_ROWS:
                open_rows.remove(min(open_rows, key=lambda found: found[1]))
    return rows
