"""Launcher and slice-host processes."""
