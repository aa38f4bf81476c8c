"""What `batchtop report` is made of: a job over all its runs, as text, as a page, and for machines."""
