"""Findings on their way to the people who review them, and their verdicts on the way back.

`findings` is what every kind of file is made of; `coco`, `label_studio` and `cvat` write it as those tools open it, each
in a file of its own: what one tool demands makes another fail. `verdicts` reads what reviewers said.
"""
