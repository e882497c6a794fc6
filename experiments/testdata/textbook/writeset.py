"""A branch with write sets as the course's report on client-centric consistency
describes it: it notes every event of a customer, tells all other branches of it
by a unary call before it answers, and lets a customer in who has been elsewhere
once it has all of the customer's writes. Nothing is sent again, nothing is in
order but by chance, nothing is kept on disk. Written from that description; the
faults are the design's own, none was added."""

import collections
import itertools
import json
import time

import grpc

import role

v1, v1_grpc = role.proto("sessionbank/v1/sessionbank.proto")

PROPAGATE = "/textbook.Branch/Propagate"


def encode(value):
    return json.dumps(value).encode()


class Branch(v1_grpc.SessionBankServiceServicer):
    def __init__(self, me, peers, balance):
        self.id, self.peers, self.balance = me, peers, balance
        self.log = []  # [branch, number among its writes, customer, event, amount], as they came
        self.write_set = set()  # [branch, number] of them
        self.numbers = itertools.count(1)
        self.acknowledged = collections.Counter()  # by the other branches
        self.stubs = {}

    def stub(self, peer):
        if peer not in self.stubs:
            channel = grpc.insecure_channel(role.address(self.peers[peer]))
            self.stubs[peer] = channel.unary_unary(PROPAGATE, encode, json.loads)
        return self.stubs[peer]

    def has_all(self, session, context):
        """Waits until the write set has what the customer has written."""
        began = time.monotonic()
        wanted = {tuple(w) for w in json.loads(session.token or b"[]")}
        while not wanted <= self.write_set:
            if time.monotonic() - began > (session.wait_ms or 1000) / 1000:
                context.abort(grpc.StatusCode.UNAVAILABLE, "not all of the customer's writes have propagated")
            time.sleep(0.001)
        return int(1e6 * (time.monotonic() - began))

    def progress(self, session, waited, wrote=()):
        token = json.loads(session.token or b"[]") + list(wrote)
        return v1.Progress(token=encode(token), waited_us=waited, applied=self.vector())

    def vector(self):
        counts = collections.Counter(w[0] for w in self.log)
        return v1.Vector(branches=counts.keys(), counts=counts.values())

    def write(self, session, event, amount):
        entry = [self.id, next(self.numbers), session.id, event, amount]
        self.apply(entry)
        for peer in self.peers:
            self.stub(peer)(entry)
            self.acknowledged[peer] += 1
        return entry[:2]

    def apply(self, entry):
        self.balance += entry[4]
        self.log.append(entry)
        self.write_set.add((entry[0], entry[1]))

    def propagate(self, entry, context):
        self.apply(entry)
        return True

    def Query(self, request, context):
        waited = self.has_all(request.session, context)
        return v1.QueryResponse(balance=self.balance, progress=self.progress(request.session, waited))

    def Deposit(self, request, context):
        waited = self.has_all(request.session, context)
        wrote = self.write(request.session, request.number, request.amount)
        return v1.DepositResponse(
            progress=self.progress(request.session, waited, [wrote]), write=v1.WriteID(branch=wrote[0], sequence=wrote[1]))

    def Withdraw(self, request, context):
        waited = self.has_all(request.session, context)
        if self.balance < request.amount:
            return v1.WithdrawResponse(progress=self.progress(request.session, waited))
        wrote = self.write(request.session, request.number, -request.amount)
        return v1.WithdrawResponse(
            progress=self.progress(request.session, waited, [wrote]), write=v1.WriteID(branch=wrote[0], sequence=wrote[1]))

    def Describe(self, request, context):
        log = list(self.log)
        answer = v1.DescribeResponse(
            branch=self.id, balance=self.balance, length=len(log), applied=self.vector(),
            acknowledged=v1.Vector(branches=self.acknowledged.keys(), counts=self.acknowledged.values()))
        for branch, number, session, event, amount in log[request.after:request.after + (request.limit or 1000)]:
            answer.log.add(write=v1.WriteID(branch=branch, sequence=number), session=session, number=event, amount=amount)
        return answer


def main():
    f = role.flags()
    branch = Branch(f.id, f.peers, f.balance)
    propagate = grpc.unary_unary_rpc_method_handler(branch.propagate, json.loads, encode)
    role.serve(
        f.listen,
        lambda server: v1_grpc.add_SessionBankServiceServicer_to_server(branch, server),
        lambda server: server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("textbook.Branch", {"Propagate": propagate}),)),
    )


if __name__ == "__main__":
    main()
