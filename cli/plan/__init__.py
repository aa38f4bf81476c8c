"""What `batchtop plan` is made of: what a run would do and cost, added up and put into words."""
