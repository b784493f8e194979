"""The annotation audit: objects that were forgotten, and objects under a wrong label."""
