"""Events told in order; thresholds, and the alerts that come of them."""
