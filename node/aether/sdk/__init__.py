"""The front door for authors of slices: Slice, routes, calls and resources."""
