"""What people write: node configuration and blueprints, read from TOML."""
