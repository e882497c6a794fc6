#!/usr/bin/env python3
"""gRPC's hello world in Python: greeter.py HOST:PORT [SECONDS that an answer takes], with Debian's python3-grpcio and python3-grpc-tools."""

import os
import sys
import tempfile
import time
from concurrent import futures

import grpc
from grpc_tools import protoc

here = os.path.dirname(os.path.abspath(__file__))
generated = tempfile.TemporaryDirectory()
protoc.main(["", "-I" + here, "--python_out=" + generated.name, "--grpc_python_out=" + generated.name, "helloworld.proto"])
sys.path.insert(0, generated.name)

import helloworld_pb2  # noqa: E402
import helloworld_pb2_grpc  # noqa: E402


class Greeter(helloworld_pb2_grpc.GreeterServicer):
    def SayHello(self, request, context):
        time.sleep(takes)
        return helloworld_pb2.HelloReply(message="Hello, %s!" % request.name)


takes = float(sys.argv[2]) if len(sys.argv) > 2 else 0
host, _, _ = sys.argv[1].rpartition(":")
server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
helloworld_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
port = server.add_insecure_port(sys.argv[1])
server.start()
print("listening at %s:%d" % (host, port), flush=True)
server.wait_for_termination()
