"""Types that the settings of all families share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Names become file names and wildcards.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Count = Annotated[int, Field(ge=1)]
Counts = Annotated[list[Count], Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[list[Seed], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: unknown settings and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
