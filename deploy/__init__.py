"""Deploys rental-etl on AWS: a CDK app, and the bundle that its Glue jobs install. Not part of the wheel."""

import os
import sys
from pathlib import Path

_node = Path(sys.executable).with_name("node")
if _node.exists():
    # The one that uv.lock pins, rather than whatever the machine has.
    os.environ.setdefault("JSII_NODE", str(_node))
