"""What a server needs to stand in for a role of dyno: the protos, the health
service, and a clean end at SIGTERM. There is nothing to be filled in here."""

import concurrent.futures
import importlib
import os
import signal
import sys
import tempfile

try:
    import grpc
    from grpc_tools import protoc
except ImportError:  # 69 says to dyno that something is not installed, the last line what
    print(
        "grpcio or grpcio-tools (apt-get install python3-grpcio python3-grpc-tools, or pip install grpcio grpcio-tools)",
        file=sys.stderr,
    )
    sys.exit(69)

PROTOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proto")


def proto(path, protos=PROTOS):
    """The messages and the stubs of a .proto file: two modules, generated anew."""
    with tempfile.TemporaryDirectory() as out:
        if protoc.main(["protoc", "-I" + protos, "--python_out=" + out, "--grpc_python_out=" + out, path]) != 0:
            sys.exit("protoc does not take " + path)
        sys.path.insert(0, out)
        importlib.invalidate_caches()
        module = path[: -len(".proto")].replace("/", ".")
        both = importlib.import_module(module + "_pb2"), importlib.import_module(module + "_pb2_grpc")
        sys.path.remove(out)
    return both


def peers(text):
    """The other processes by number, from 2=HOST:PORT,3=@FILE."""
    pairs = (part.split("=", 1) for part in text.split(",") if part)
    return {int(number): where for number, where in pairs}


def address(text):
    """HOST:PORT, or what is in the file of which @FILE is the name."""
    if not text.startswith("@"):
        return text
    with open(text[1:], encoding="utf-8") as f:
        return f.read().strip()


def todo(context, call):
    """Says that a call is not written yet."""
    context.abort(grpc.StatusCode.UNIMPLEMENTED, call + " is left to do: write it, and check again")


def _serving(request, context):
    return b"\x08\x01"  # grpc.health.v1.HealthCheckResponse, status SERVING


def serve(listen, *registrations, workers=16):
    """Serves until SIGTERM; each registration is called with the server."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=workers))
    check = grpc.unary_unary_rpc_method_handler(_serving)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),))
    for register in registrations:
        register(server)
    if not server.add_insecure_port(listen):
        sys.exit("cannot listen on " + listen)
    server.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop(1).wait()


# Before any thread starts, so that none of them takes the signal.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
