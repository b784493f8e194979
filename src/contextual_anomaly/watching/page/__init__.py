"""The page of a watch, served on the same machine: picture, objects, reasons, events, and two questions to it.

`server.PageServer` runs `application.new_application` in a thread of its own. It reads the watch's `LiveState` and costs the
watch nothing while nobody looks.
"""
