"""A customer of the course's protocol: deposits, withdraws, queries and propagates
at branches whose addresses are its arguments, and prints what it was told, one
JSON array [call, success, message] per line. Generated code is in the folder it is run in."""

import json
import sys

sys.path.insert(0, ".")
import grpc
import bankService_pb2 as pb
import bankService_pb2_grpc as pb_grpc

stubs = [pb_grpc.BankServiceStub(grpc.insecure_channel(address)) for address in sys.argv[1:]]


def tell(call, answer):
    print(json.dumps([call, answer.success, answer.message]))


def customer(event, amount=0):
    return pb.CustomerRequest(customer_id=1, event=event, amount=amount)


first, second = stubs[0], stubs[1]
tell("query", first.Query(pb.BalanceQuery(branch_id=1), timeout=20))
tell("deliver deposit", first.MsgDelivery(customer("deposit", 70), timeout=20))
tell("deliver query", second.MsgDelivery(customer("query"), timeout=20))
tell("deposit", second.Deposit(customer("deposit", 30), timeout=20))
tell("withdraw", first.Withdraw(customer("withdraw", 500), timeout=20))
tell("query", second.Query(pb.BalanceQuery(branch_id=2), timeout=20))
tell("withdraw too much", second.Withdraw(customer("withdraw", 1), timeout=20))
tell("unknown event", first.MsgDelivery(customer("transfer", 1), timeout=20))
tell("zero", first.MsgDelivery(customer("deposit", 0), timeout=20))
tell("propagate deposit", second.Propagate_Deposit(pb.BranchRequest(branch_id=1, amount=5), timeout=20))
tell("propagate withdraw", second.Propagate_Withdraw(pb.BranchRequest(branch_id=1, amount=2), timeout=20))
for stub in stubs:
    tell("query", stub.Query(pb.BalanceQuery(branch_id=1), timeout=20))
