"""Trains and scores the forecaster: series, windows, the network, its file and its card."""
