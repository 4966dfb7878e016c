"""Complete configurations, each a TOML file for `facesdk train run`."""
