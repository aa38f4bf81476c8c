"""What `batchtop export` is made of: the results of a job, in the formats that other programs read."""
