"""The annotation audit: forgotten objects, wrong labels, wrong boxes, and annotations of nothing or of one thing twice."""
