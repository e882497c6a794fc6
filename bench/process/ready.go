package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"dyno/systems"
)

const (
	healthDeadline = time.Second           // of one health RPC
	healthPause    = 10 * time.Millisecond // between two of them
	maxAddress     = 512                   // bytes of an announcement
)

// Why a process is not ready.
var (
	errEnded = errors.New("ended before it was ready")
	errLate  = errors.New("was not ready in time")
)

// awaitReady reads the address that the process announces and calls its health
// service until it is SERVING. On an error the process is killed and reaped.
func (c *child) awaitReady(ctx context.Context, announced *os.File) error {
	bound := c.group.opts.Ready
	ctx, stop := context.WithTimeoutCause(ctx, bound, errLate)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.group.ctx, func() { cancel(context.Cause(c.group.ctx)) })()
	go func() {
		select {
		case <-c.ended:
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()

	addr, err := c.member.Addr(), error(nil)
	if announced != nil {
		addr, err = readAddress(ctx, announced)
	}
	if err == nil {
		err = c.group.opts.reachable(addr)
	}
	if err == nil {
		err = c.awaitHealth(ctx, addr)
	}
	if err == nil && c.markReady(addr) {
		return nil
	}
	return c.lacking(c.abandon(ctx, err))
}

// markReady lets the end of the process be unexpected from now on. It reports
// false when the process has ended or its end is already wanted.
func (c *child) markReady(addr string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.phase != starting {
		return false
	}
	c.phase = running
	c.member.settle(addr)
	return true
}

// abandon ends a process that is not ready and says why it is not: err is what
// the last attempt met, the context tells what cut it short.
func (c *child) abandon(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if ended, _ := c.ask(); ended {
		return c.failure(errEnded.Error(), c.status())
	}
	if killErr := c.kill(); killErr != nil {
		return errors.Join(err, killErr)
	}
	switch {
	case cause == nil:
		return c.failure("did not become ready", err)
	case errors.Is(cause, errLate):
		return c.late(err)
	default:
		return c.failure("was not ready when its start was called off", contextError(ctx))
	}
}

// readAddress reads the line that [Announce] writes.
func readAddress(ctx context.Context, announced *os.File) (string, error) {
	defer context.AfterFunc(ctx, func() { _ = announced.SetReadDeadline(time.Unix(1, 0)) })()
	line, err := bufio.NewReader(io.LimitReader(announced, maxAddress)).ReadString('\n')
	if errors.Is(err, io.EOF) && line == "" {
		// The pipe closed with the process, which is about to be reaped: wait,
		// for its exit status says more.
		<-ctx.Done()
	}
	if err != nil {
		return "", fmt.Errorf("it announced no address: %w", err)
	}
	addr := strings.TrimSuffix(line, "\n")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return "", fmt.Errorf("it announced %q: %w", addr, err)
	}
	if err := systems.Reachable(addr); err != nil {
		return "", fmt.Errorf("it announced %q: %w; let it listen on one address, or --advertise one", addr, err)
	}
	return addr, nil
}

// Connect makes a client of a role that serves, as its launch and the role say:
// for health and reflection.
func Connect(role systems.Role, l systems.Launch, addr string) (*grpc.ClientConn, error) {
	config, err := l.TLS, error(nil)
	if config == nil && role.TLS != nil {
		if config, err = role.TLS(l.Args); err != nil {
			return nil, fmt.Errorf("how to connect to %s: %w", l.Name, err)
		}
	}
	transport := insecure.NewCredentials()
	if config != nil {
		transport = credentials.NewTLS(config)
	}
	return grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(transport), grpc.WithNoProxy())
}

// awaitHealth calls the health service until it answers SERVING or the context
// ends.
func (c *child) awaitHealth(ctx context.Context, addr string) error {
	conn, err := Connect(c.role, c.launch, addr)
	if err != nil {
		return fmt.Errorf("health of %s: %w", addr, err)
	}
	defer conn.Close()
	var last error
	began := time.Now()
	for {
		err := c.contact(ctx, conn)
		if err == nil {
			return nil
		}
		if last == nil || status.Code(err) != codes.DeadlineExceeded { // which says least
			last = err
		}
		if c.member.stands() && time.Since(began) > c.group.opts.Ready/waitingShare {
			c.group.waiting.Do(c.wait)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("health of %s: %w", addr, last)
		case <-time.After(healthPause):
			conn.ResetConnectBackoff() // a refused connection is tried again at once, not after gRPC's second
		}
	}
}

func checkHealth(ctx context.Context, client grpc_health_v1.HealthClient) error {
	ctx, cancel := context.WithTimeout(ctx, healthDeadline)
	defer cancel()
	answer, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if s := answer.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("status %v", s)
	}
	return nil
}
