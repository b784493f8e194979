"""What a process needs apart from the science: threads, files, progress, provenance."""
