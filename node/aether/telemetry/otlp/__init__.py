"""Traces, metrics and logs sent to a collector of OpenTelemetry; the libraries are the extra `otel`."""
