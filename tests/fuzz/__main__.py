"""`python -m tests.fuzz [INPUTS]`, or `python -m tests.fuzz TARGET NUMBER` for one input again."""

import sys

from tests.fuzz.run import main

sys.exit(main(sys.argv[1:]))
