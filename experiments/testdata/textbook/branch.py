"""A branch as the course's reports describe it: a balance, a list of stubs, and
a unary call to each other branch for every deposit and withdrawal. Nothing is
numbered, nothing is sent again, nothing is kept on disk. Written from those
descriptions; the faults are the design's own, none was added."""

import threading

import grpc

import role

bank, bank_grpc = role.proto("seed/bankservice/bankService.proto")
v1, v1_grpc = role.proto("branchbank/v1/branchbank.proto")


class Branch(bank_grpc.BankServiceServicer):
    def __init__(self, me, peers, balance):
        self.id, self.peers, self.balance = me, peers, balance
        self.stub_list = None
        self.lock = threading.Lock()  # of the list of stubs; nobody says that the balance needs one

    def stubs(self):
        with self.lock:
            if self.stub_list is None:
                self.stub_list = [bank_grpc.BankServiceStub(grpc.insecure_channel(role.address(a))) for a in self.peers.values()]
        return self.stub_list

    def MsgDelivery(self, request, context):
        if request.event == "query":
            return self.Query(bank.BalanceQuery(branch_id=self.id), context)
        if request.event == "deposit":
            return self.Deposit(request, context)
        if request.event == "withdraw":
            return self.Withdraw(request, context)
        return bank.ResponseMessage(message="Invalid event.", success=False)

    def Query(self, request, context):
        return bank.ResponseMessage(message=str(self.balance), success=True)

    def Deposit(self, request, context):
        self.balance += request.amount
        self.propagate("Propagate_Deposit", request.amount)
        return bank.ResponseMessage(message="success", success=True)

    def Withdraw(self, request, context):
        if self.balance < request.amount:
            return bank.ResponseMessage(message="insufficient funds", success=False)
        self.balance -= request.amount
        self.propagate("Propagate_Withdraw", request.amount)
        return bank.ResponseMessage(message="success", success=True)

    def propagate(self, method, amount):
        for stub in self.stubs():
            getattr(stub, method)(bank.BranchRequest(branch_id=self.id, amount=amount))

    def Propagate_Deposit(self, request, context):
        self.balance += request.amount
        return bank.ResponseMessage(message="success", success=True)

    def Propagate_Withdraw(self, request, context):
        self.balance -= request.amount
        return bank.ResponseMessage(message="success", success=True)


class Customers(v1_grpc.BranchServiceServicer):
    """The same branch for customers who speak dyno's protocol."""

    events = {v1.KIND_QUERY: "query", v1.KIND_DEPOSIT: "deposit", v1.KIND_WITHDRAW: "withdraw"}

    def __init__(self, branch):
        self.branch = branch

    def Execute(self, request, context):
        event = self.events.get(request.kind)
        if event is None or event != "query" and request.amount < 1:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a query, or a deposit or withdrawal of 1 or more")
        answer = self.branch.MsgDelivery(bank.CustomerRequest(event=event, amount=request.amount), context)
        balance = int(answer.message) if event == "query" else self.branch.balance
        return v1.ExecuteResponse(success=answer.success, reason="" if answer.success else answer.message, balance=balance)

    def GetStatus(self, request, context):
        return v1.GetStatusResponse(balance=self.branch.balance)


def main():
    f = role.flags()
    branch = Branch(f.id, f.peers, f.balance)
    role.serve(
        f.listen,
        lambda server: bank_grpc.add_BankServiceServicer_to_server(branch, server),
        lambda server: v1_grpc.add_BranchServiceServicer_to_server(Customers(branch), server),
    )


if __name__ == "__main__":
    main()
