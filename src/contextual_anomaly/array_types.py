"""Array types with their shapes, as `Float[np.ndarray, "N C"]`.

They are those of jaxtyping where it is installed, as it is for tests, which check them on every call. Nothing else reads
them, so that an installation for prediction goes without: there each stands for the type of the array alone.
"""

from typing import TYPE_CHECKING

__all__ = [
    "Bool",
    "Float",
    "Float16",
    "Float32",
    "Float64",
    "Int",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Real",
    "Shaped",
]

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float16, Float32, Float64, Int, Int8, Int16, Int32, Int64, Real, Shaped
else:
    try:
        from jaxtyping import Bool, Float, Float16, Float32, Float64, Int, Int8, Int16, Int32, Int64, Real, Shaped
    except ImportError:

        class _Unchecked:
            """The type of an array, whatever its shape."""

            def __class_getitem__(cls, item: tuple[type, str]) -> type:
                return item[0]

        Bool = Float = Float16 = Float32 = Float64 = _Unchecked
        Int = Int8 = Int16 = Int32 = Int64 = Real = Shaped = _Unchecked
