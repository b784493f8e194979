"""Annotations in any format."""
