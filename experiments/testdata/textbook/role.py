"""What every branch here needs to stand in for a role of dyno: its flags, the
protos of the repository, the health service, and a clean end at SIGTERM."""

import argparse
import concurrent.futures
import importlib
import os
import signal
import sys
import tempfile

import grpc
from grpc_tools import protoc

PROTOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "proto")


def proto(path):
    """The messages and the stubs of a .proto file below the repository's proto/."""
    with tempfile.TemporaryDirectory() as out:
        if protoc.main(["protoc", "-I" + PROTOS, "--python_out=" + out, "--grpc_python_out=" + out, path]) != 0:
            sys.exit("protoc does not take " + path)
        sys.path.insert(0, out)
        importlib.invalidate_caches()
        module = path.removesuffix(".proto").replace("/", ".")
        both = importlib.import_module(module + "_pb2"), importlib.import_module(module + "_pb2_grpc")
        sys.path.remove(out)
    return both


def flags():
    """--listen, --id, --peers and --balance; the rest is for others."""
    p = argparse.ArgumentParser(allow_abbrev=False)
    p.add_argument("--listen", default="127.0.0.1:0")
    p.add_argument("--id", type=int, default=1)
    p.add_argument("--peers", default="")
    p.add_argument("--balance", type=int, default=400)
    known, _ = p.parse_known_args()
    known.peers = dict(part.split("=", 1) for part in known.peers.split(",") if part)
    known.peers = {int(i): a for i, a in known.peers.items() if int(i) != known.id}
    return known


def address(text):
    """HOST:PORT, or what the file holds of which @FILE is the name."""
    if not text.startswith("@"):
        return text
    with open(text[1:], encoding="utf-8") as f:
        return f.read().strip()


def serving(request, context):
    """grpc.health.v1.Health/Check: a HealthCheckResponse with status = 1."""
    return b"\x08\x01"


def serve(listen, *registrations):
    """Serves until SIGTERM. A registration is called with the server."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(serving)}),))
    for register in registrations:
        register(server)
    if not server.add_insecure_port(listen):
        sys.exit("cannot listen on " + listen)
    server.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop(1).wait()


# Before any thread starts, so that none of them takes the signal.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
