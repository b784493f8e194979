"""Between NumPy and Arrow, without pandas.

`pa.array` and `to_numpy` import pandas to ask whether they were given a Series, which takes longer than most of the
steps that would call them.
"""

import numpy as np
import pyarrow as pa

TEXTS_AT_ONCE = 1_000_000  # an array of texts holds 2 GiB at most


def from_numpy(values: np.ndarray, type: pa.DataType) -> pa.Array:
    """Numbers or truth values as an array of ``type``; NaN becomes null."""
    known = None
    if pa.types.is_boolean(type):
        data = np.packbits(values, bitorder="little")
    else:
        data = np.ascontiguousarray(values, type.to_pandas_dtype())
        if pa.types.is_floating(type) and (unknown := np.isnan(data)).any():
            known = pa.py_buffer(np.packbits(~unknown, bitorder="little"))
    return pa.Array.from_buffers(type, len(values), [known, pa.py_buffer(data)])


def from_texts(texts: list[str]) -> pa.ChunkedArray:
    """A column of texts."""
    chunks = []
    for first in range(0, max(len(texts), 1), TEXTS_AT_ONCE):
        some = texts[first : first + TEXTS_AT_ONCE]
        joined = "".join(some)
        # Of plain ASCII, a text has as many bytes as characters, and none needs encoding by itself.
        lengths = map(len, some) if joined.isascii() else (len(text.encode()) for text in some)
        ends = np.zeros(len(some) + 1, np.int32)
        np.cumsum(np.fromiter(lengths, np.int32, len(some)), out=ends[1:])
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(joined.encode())]
        chunks.append(pa.Array.from_buffers(pa.string(), len(some), buffers))
    return pa.chunked_array(chunks)


def to_numpy(column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers without gaps as an array.

    Raises:
        ValueError: there is a null in it.
    """
    if column.null_count:
        raise ValueError(f"a column of {column.type} holds {column.null_count} nulls")
    type = column.type.to_pandas_dtype()
    parts = [
        np.frombuffer(chunk.buffers()[1], type)[chunk.offset : chunk.offset + len(chunk)] for chunk in column.chunks
    ]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, type), *parts])
