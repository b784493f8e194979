"""The original's training as people write it today: 15 autoencoders in Keras, one after another.

    python keras_sweep.py PRESENCE.npy BATCH_SIZE EPOCHS

Prints the seconds of an epoch of all 15, the first epoch, which compiles, left out.
"""

import sys
import time

import keras
import numpy as np

presence = np.load(sys.argv[1])
batch_size, epochs = int(sys.argv[2]), int(sys.argv[3])
validates = np.arange(len(presence)) % 5 == 0
train, validation = presence[~validates], presence[validates]
seconds = 0.0
for units in range(1, 16):
    model = keras.Sequential(
        [
            keras.layers.Input((presence.shape[1],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(presence.shape[1], activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adadelta(1.0, 0.95, 1e-7), loss="binary_crossentropy")
    fit = {"batch_size": batch_size, "validation_data": (validation, validation), "verbose": 0}
    model.fit(train, train, epochs=1, **fit)
    start = time.perf_counter()
    model.fit(train, train, epochs=epochs, **fit)
    seconds += (time.perf_counter() - start) / epochs
print(f"{keras.backend.backend()} {seconds}")
