"""What is known of the synthetic world's scenes: how they are distributed, and the exact answers that follow from it."""
