"""Infrastructure slices: services every application needs, built on the public SDK only."""
