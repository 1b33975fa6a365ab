"""`python -m aether.dataplane`: one router."""

import sys

from aether.dataplane.process import main

sys.exit(main())
