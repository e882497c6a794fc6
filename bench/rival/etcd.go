package rival

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"dyno/systems"
)

// Etcd is one running member.
type Etcd struct {
	systems.Process
	Endpoint string
}

// Etcd starts a cluster of some members, with etcd's defaults: a follower that
// hears nothing for a second stands for election, and every entry is synced. The
// cluster is ready when every member says that it is healthy, for which it asks
// the others.
func (r *Room) Etcd(ctx context.Context, members int) ([]*Etcd, error) {
	path, err := r.use(etcd)
	if err != nil {
		return nil, err
	}
	type place struct{ name, dir, client, peer string }
	places := make([]place, members)
	var cluster []string
	for i := range places {
		p := place{name: "etcd-" + strconv.Itoa(i+1)}
		if p.dir, err = r.dir(p.name, false); err != nil {
			return nil, err
		}
		for _, addr := range []*string{&p.client, &p.peer} {
			n, err := port()
			if err != nil {
				return nil, err
			}
			*addr = "127.0.0.1:" + strconv.Itoa(n)
		}
		places[i], cluster = p, append(cluster, p.name+"=http://"+p.peer)
	}
	var all []*Etcd
	for _, p := range places {
		e := &Etcd{Endpoint: p.client}
		e.Process, err = r.run(ctx, program{name: p.name, dir: p.dir, args: []string{
			path, "--name", p.name, "--data-dir", filepath.Join(p.dir, "data"), "--log-level", "error", "--logger", "zap",
			"--listen-client-urls", "http://" + p.client, "--advertise-client-urls", "http://" + p.client,
			"--listen-peer-urls", "http://" + p.peer, "--initial-advertise-peer-urls", "http://" + p.peer,
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
		}})
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	for _, e := range all {
		if err := await(ctx, e.healthy); err != nil {
			return nil, fmt.Errorf("%s is not ready: %w", e.Name(), err)
		}
	}
	return all, nil
}

func (e *Etcd) healthy(ctx context.Context) error {
	text, err := e.get(ctx, "/health")
	if err == nil && !strings.Contains(text, `"true"`) {
		err = fmt.Errorf("it says %q of its health", text)
	}
	return err
}

// Syncs is how often the member synced its log, by its own count.
func (e *Etcd) Syncs(ctx context.Context) (int64, error) {
	const name = "etcd_disk_wal_fsync_duration_seconds_count "
	text, err := e.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(text, "\n"+name)
	if !ok {
		return 0, fmt.Errorf("%s does not tell %s", e.Name(), name)
	}
	count, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(count, 64)
	return int64(n), err
}

// maxText bounds what a member tells, in bytes.
const maxText = 4 << 20

func (e *Etcd) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.Endpoint+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxText))
	return string(text), err
}
