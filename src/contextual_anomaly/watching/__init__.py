"""Watch a camera, a video or a stream of detections: events that are rare by promise, and what is seen at this moment.

A source (`frames`) gives frames; a detector, or whoever sends them, gives the objects of a frame; the `watcher` follows the
objects over time and answers with events (`events`) and the scene of the moment (`scene`). Whoever wants to know of
events is a receiver: files, webhook, MQTT, the page.
"""
