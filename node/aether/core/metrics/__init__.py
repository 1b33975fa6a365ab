"""What is measured, by name: samples of nodes and instances, windows of them, histograms."""
