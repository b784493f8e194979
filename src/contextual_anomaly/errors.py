"""The one exception that is a user's mistake or a fact of the machine, not a fault of the program."""


class UserError(Exception):
    """Something a person can put right; the message names it and says what was expected.

    The command line prints the message alone, without a traceback, and exits with status 2.
    """
