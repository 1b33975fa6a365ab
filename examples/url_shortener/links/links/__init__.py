"""Makes short links and redirects them."""
