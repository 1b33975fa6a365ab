"""PySyncObj as an engine of consensus, through its public extension points only."""
