"""Where what is shown comes from, and how what is asked gets to the engine."""
