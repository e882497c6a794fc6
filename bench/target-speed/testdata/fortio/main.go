// Command fortio calls one method by fortio's own gRPC runner, as its command
// load does: that one cannot be built from the module proxy alone, which refuses
// the archive of a module that fortio's scripting language needs.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"fortio.org/fortio/fgrpc"
	"fortio.org/fortio/periodic"
	flog "fortio.org/log"
)

func main() {
	o := fgrpc.GRPCRunnerOptions{RunnerOptions: periodic.RunnerOptions{Resolution: 1e-4, Out: os.Stderr}}
	flag.StringVar(&o.Destination, "address", "", "HOST:PORT")
	flag.StringVar(&o.GrpcMethod, "grpc-method", "", "SERVICE/METHOD")
	flag.StringVar(&o.Payload, "payload", "", "JSON")
	flag.Float64Var(&o.QPS, "qps", -1, "calls per second; -1: as many as it can")
	flag.IntVar(&o.NumThreads, "c", 8, "calls at once")
	flag.DurationVar(&o.Duration, "t", time.Second, "how long")
	flag.Parse()
	o.Streams, o.NumThreads = o.NumThreads, 1 // on one connection
	flog.SetLogLevelQuiet(flog.Warning)
	result, err := fgrpc.RunGRPCTest(&o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("calls %d\n", result.DurationHistogram.Count)
	fmt.Printf("mean %.3fms\n", result.DurationHistogram.Avg*1e3)
}
