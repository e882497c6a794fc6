package security

import (
	"context"
	"io"
	"testing"
	"time"

	v1 "dyno/proto/strife/v1"
)

var (
	aRequest = &v1.PayRequest{
		Key: "0123456789abcdef", To: &v1.Account{Bank: "beta", Number: "1002"}, Amount: &v1.Money{Minor: 1250, Currency: "EUR"}, Attempt: 1,
	}
	aResponse = &v1.PayResponse{Payment: &v1.Payment{
		Key: aRequest.Key, Id: "1.1.4711", Status: v1.PaymentStatus_PAYMENT_STATUS_PAID, From: &v1.Account{Bank: "alpha", Number: "1001"},
		To: aRequest.To, Amount: aRequest.Amount,
	}}
)

func BenchmarkLogCall(b *testing.B) {
	l := newLog(io.Discard, io.NopCloser(nil))
	defer l.Close()
	c := &Call{
		Caller: Caller{Party: Party{Client, "alice"}, Addr: "127.0.0.1:4711"}, Method: v1.GatewayService_Pay_FullMethodName,
		Session: Session{User: "alice", Role: Customer}, Key: KeyHash("alice", "k"), Tx: "1.1.4711", Attempt: 1, Amount: "12.50 EUR",
	}
	b.ReportAllocs()
	for b.Loop() {
		l.call(context.Background(), c, aRequest, aResponse, nil, time.Millisecond)
	}
}

func BenchmarkRedacted(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Redacted(aRequest), Redacted(aResponse)
	}
}

func BenchmarkAuditNote(b *testing.B) {
	a, err := OpenAudit(b.TempDir()+"/audit", "test")
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Note(Event{Time: time.Unix(1e9, 0), What: "paid", Tx: "1.1.4711", Amount: "12.50 EUR", Detail: "alpha/0011 to beta/2233"}); err != nil {
			b.Fatal(err)
		}
	}
}
