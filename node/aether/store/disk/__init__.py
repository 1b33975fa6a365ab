"""What a store member keeps on disk: its log, its vote, its snapshots, who it is.

Everything here works on `ports.Disk`; `directory` is the real one. The files and the rules are told
in docs/adr/0012-log-on-disk.md.
"""
