"""`python -m dashboards [FOLDER]`: generate everything again, and into a FOLDER the pictures of the layouts."""

import sys
from pathlib import Path

from dashboards import documents, pictures, write
from dashboards.all import GENERATED
from slotrush import slo

made = documents(slo.load())
write(made, GENERATED)
if len(sys.argv) > 1:
    write(pictures.documents(made), Path(sys.argv[1]))
