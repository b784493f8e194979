"""The promise on trial: footage of the synthetic world, watched and judged frame by frame, against what is true of it."""
