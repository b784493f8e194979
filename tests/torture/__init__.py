"""What goes wrong on machines, on purpose: `python -m tests.torture` counts how the project takes it.

Each attempt ends in one of

- clear: the project says what is wrong, names the file or the folder, and leaves nothing half written;
- harmless: nothing has changed, as the damage has no meaning, or all is done;
- silent: other content, or a part of it, without a word;
- traceback: an exception that is not the project's own.
"""

OUTCOMES = ("clear", "harmless", "silent", "traceback")
