"""The forecaster of traffic: its model, what goes into it, and the process it runs in."""
