"""`batchtop web`: the dashboard in a browser."""
