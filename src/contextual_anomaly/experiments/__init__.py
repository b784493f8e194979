"""The controlled experiments: injection, removal, rescoring, and their measures."""
