"""The type checker that the import hook of conftest.py puts around every function of the checked modules."""

from beartype import BeartypeConf, beartype

# An int is a float, as for static checkers (PEP 484).
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
