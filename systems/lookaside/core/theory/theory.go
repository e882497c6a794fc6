// Package theory is what queueing theory says of response times under a policy,
// for simulations and trials to be held against.
package theory

import "math"

// Response is what queueing theory says of the response times of a policy, in
// mean service times; 0 where it says nothing. It holds for Poisson arrivals,
// exponential service times and equal servers.
type Response struct {
	Mean, P99 float64
	Floor     float64 // mean of one queue for all servers: no policy is better
}

// p99Exponential is the 0.99 quantile of an exponential distribution in its
// means: ln 100.
var p99Exponential = math.Log(100)

// Of returns what is known at n servers, utilisation rho, and reports
// every interval mean service times (0: at once).
//
//	random        each server is M/M/1: the time in it is exponential with mean 1/(1-ρ)
//	round_robin   each server is E_n/M/1: exponential too, with mean 1/(1-σ), σ the root below 1 of σ = (nρ/(nρ+1-σ))^n
//	power_of_two  Σ ρ^(2^i − 2), for many servers and reports at once (Mitzenmacher)
//	least_reported 1 + (T/2)(nρ−1), for T of a few service times and more: the herd
//	all           at least M/M/n: 1 + C/(n(1−ρ)), C by Erlang's formula
func Of(policy string, n int, rho, interval float64) Response {
	t := Response{Floor: 1 + erlangC(n, rho)/(float64(n)*(1-rho))}
	switch {
	case policy == "random":
		t.Mean = 1 / (1 - rho)
		t.P99 = p99Exponential * t.Mean
	case policy == "round_robin":
		t.Mean = erlangResponse(float64(n), rho)
		t.P99 = p99Exponential * t.Mean
	case policy == "power_of_two" && interval == 0:
		t.Mean = twoChoices(rho)
	case policy == "least_reported" && interval > 0:
		t.Mean = 1 + interval/2*max(float64(n)*rho-1, 0)
	}
	return t
}

// erlangResponse is the mean response of an E_n/M/1 queue at a utilisation.
func erlangResponse(n, rho float64) float64 {
	sigma := 0.0
	for range 10_000 {
		sigma = math.Pow(n*rho/(n*rho+1-sigma), n)
	}
	return 1 / (1 - sigma)
}

// twoChoices is the mean response where the shorter of two queues drawn at
// random is joined, of infinitely many.
func twoChoices(rho float64) (mean float64) {
	for i := 1; i < 64; i++ {
		mean += math.Pow(rho, math.Exp2(float64(i))-2)
	}
	return mean
}

// erlangC is the probability that all n servers of one queue are busy, by the
// recurrence for Erlang's B, which does not overflow.
func erlangC(n int, rho float64) float64 {
	b, load := 1.0, rho*float64(n)
	for k := 1; k <= n; k++ {
		b = load * b / (float64(k) + load*b)
	}
	return b / (1 - rho*(1-b))
}

// Relaxation is the time, in mean service times, in which an M/M/1 queue
// forgets where it began: its spectral gap is (1 − √ρ)².
func Relaxation(rho float64) float64 { return 1 / math.Pow(1-math.Sqrt(rho), 2) }
