"""Many reconstructions at once: `python keras_predict_batches.py PRESENCE.npy TRIALS BOTTLENECK…`; prints seconds of all.

Each model predicts as many changed scenes as there are trials, in batches of 8,192.
"""

import sys
import time

import keras
from numpy_predict import changed_scenes

presence, trials, *bottlenecks = sys.argv[1], *map(int, sys.argv[2:])
scenes = changed_scenes(presence, trials)
seconds = 0.0
for units in bottlenecks:
    model = keras.Sequential(
        [
            keras.layers.Input((scenes.shape[1],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(scenes.shape[1], activation="sigmoid"),
        ]
    )
    model.predict(scenes[:8192], batch_size=8192, verbose=0)
    start = time.perf_counter()
    model.predict(scenes, batch_size=8192, verbose=0)
    seconds += time.perf_counter() - start
print(f"{keras.backend.backend()} {seconds}")
