"""Hostile input by the thousand: whatever is read ends well, or in the project's own error.

`targets.TARGETS` lists what is read. Each input is made from a seed, so a failure names the number that makes it again:
`python -m tests.fuzz TARGET NUMBER`. `CONTEXTUAL_ANOMALY_FUZZ=1000 pytest tests/fuzz` takes so many inputs of each target;
`python -m tests.fuzz` does the same and prints the counts.
"""
