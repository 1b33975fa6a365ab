"""The forecaster of traffic: its model, what goes into it, and the thread it runs in."""
