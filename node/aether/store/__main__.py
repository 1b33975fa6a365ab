"""`python -m aether.store`: the store process."""

import sys

from aether.store.process.life import main

sys.exit(main())
