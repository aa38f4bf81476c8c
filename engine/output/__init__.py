"""What a job writes beside its workspace: the output and the failures, each result once."""
