"""Wheels as artifacts: manifest, build, content-addressed repository, layers."""
