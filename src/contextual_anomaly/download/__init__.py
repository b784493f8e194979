"""Download files and images, verified and resumed, and unpack archives safely."""
