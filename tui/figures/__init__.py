"""What jobs come to, in numbers: rates, charts, stretches of settings, and the order of a list. Pure, without words."""
