"""What a person can set of a watch; times are in seconds, never in frames."""

from dataclasses import dataclass

from contextual_anomaly.errors import UserError


@dataclass(frozen=True)
class WatchSettings:
    """Settings of a watch.

    Attributes:
        false_alarms_per_hour: how many events of kind "unexpected" and "missing" an hour of ordinary operation may give at
            most, on average.
        settled_after: missing classes are asked for when the classes in view have not changed for so many seconds.
        gone_after: what was there for so many seconds and is not any more has gone; what was there more briefly passed by.
        ends_after: an event ends when its object has not been there for so many seconds.
        blind_after: the watch says that it sees nothing when the picture was bad for so many seconds.
    """

    false_alarms_per_hour: float = 1.0
    settled_after: float = 5.0
    gone_after: float = 60.0
    ends_after: float = 5.0
    blind_after: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UserError: a number is not above 0.
        """
        for name, value in vars(self).items():
            if not 0 < value < float("inf"):
                raise UserError(f"{name} is {value:g}; a number above 0 was expected.")
