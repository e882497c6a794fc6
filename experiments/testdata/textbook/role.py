"""What the branches here share with every kit of dyno: its flags, and the protos
of this repository."""

import argparse
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path.insert(0, os.path.join(ROOT, "internal", "kit", "files", "python"))

try:
    import kit
except ImportError as missing:
    print("python3-grpcio or python3-grpc-tools (%s)" % missing, file=sys.stderr)
    sys.exit(69)  # what it needs is not here: its cells are left out

address, serve = kit.address, kit.serve


def proto(path):
    """The messages and the stubs of a .proto file below the repository's proto/."""
    return kit.proto(path, os.path.join(ROOT, "proto"))


def flags():
    """--listen, --id, --peers and --balance; the rest is for others."""
    p = argparse.ArgumentParser(allow_abbrev=False)
    p.add_argument("--listen", default="127.0.0.1:0")
    p.add_argument("--id", type=int, default=1)
    p.add_argument("--peers", type=kit.peers, default={})
    p.add_argument("--balance", type=int, default=400)
    known, _ = p.parse_known_args()
    known.peers.pop(known.id, None)
    return known
