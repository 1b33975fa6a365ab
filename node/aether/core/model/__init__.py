"""The words of Aether as values: ids, keys, records, lifecycle, view, plan."""
