"""What is said: numbers with their units, toned lines, and all that is told of a job in words. Pure."""
