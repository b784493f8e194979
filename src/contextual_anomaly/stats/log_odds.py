"""Probabilities as log-odds, which is what evidence adds up in."""

import numpy as np

LEAST = 1e-4
"""What is less certain than this counts as this: no detector's confidence means anything closer to 0 or 1."""


def log_odds(probability: np.ndarray) -> np.ndarray:
    """log p / (1 - p) as float64, p kept `LEAST` away from 0 and 1."""
    p = np.clip(np.asarray(probability, np.float64), LEAST, 1 - LEAST)
    return np.log(p) - np.log1p(-p)
