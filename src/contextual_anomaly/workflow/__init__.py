"""What only the Snakefile uses."""
