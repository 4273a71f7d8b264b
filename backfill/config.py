"""TOML and environment to the options objects of the layers below; every fault reported at once."""
