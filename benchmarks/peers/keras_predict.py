"""One reconstruction at a time, as the original asks: `python keras_predict.py PRESENCE.npy CALLS`; prints seconds of one."""

import sys
import time

import keras
import numpy as np

presence, calls = np.load(sys.argv[1]), int(sys.argv[2])
model = keras.Sequential(
    [
        keras.layers.Input((presence.shape[1],)),
        keras.layers.Dense(10, activation="relu"),
        keras.layers.Dense(presence.shape[1], activation="sigmoid"),
    ]
)
model.predict(presence[:1], verbose=0)
start = time.perf_counter()
for i in range(calls):
    model.predict(presence[i % len(presence)][None], verbose=0)
print(f"{keras.backend.backend()} {(time.perf_counter() - start) / calls}")
