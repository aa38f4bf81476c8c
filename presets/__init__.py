"""The presets that come with batchtop, one TOML file each."""
