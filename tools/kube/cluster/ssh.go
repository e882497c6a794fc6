package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// SSH starts an sshd on each node and writes the hosts file of dyno run --hosts. What
// is copied there lies in the cluster's folder.
func (c *Cluster) SSH(ctx context.Context) (hosts string, err error) {
	in := func(name string) string { return filepath.Join(c.Dir, name) }
	for _, key := range []string{"host", "user"} {
		if said, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in(key)).CombinedOutput(); err != nil {
			return "", fmt.Errorf("ssh-keygen: %w: %s", err, said)
		}
	}
	var text strings.Builder
	text.WriteString("hosts:\n")
	for _, n := range c.nodes {
		if err := os.MkdirAll(filepath.Join(n.Dir, "tmp"), 0o755); err != nil {
			return "", err
		}
		here := strings.NewReplacer("HOST", in("host"), "USER", in("user.pub"), "DIR", n.Dir)
		options := here.Replace("-o HostKey=HOST -o AuthorizedKeysFile=USER " +
			"-o StrictModes=no -o UsePAM=no -o PidFile=none -o PermitRootLogin=yes " +
			"-o PasswordAuthentication=no -o 'SetEnv=XDG_CACHE_HOME=DIR/cache TMPDIR=DIR/tmp'")
		ns := fmt.Sprintf("/proc/%d/ns/", n.machine.cmd.Process.Pid)
		p, err := c.start(n.Name+"-sshd", "nsenter", "--net="+ns+"net", "--mount="+ns+"mnt", "--pid="+ns+"pid_for_children",
			"sh", "-ec", "mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -f /dev/null "+options)
		if err != nil {
			return "", err
		}
		c.programs = append(c.programs, p)
		err = until(ctx, func() error {
			conn, err := net.Dial("tcp", n.Address+":22")
			if err == nil {
				err = conn.Close()
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("sshd of %s: %w; its log is %s", n.Name, err, p.log)
		}
		fmt.Fprintf(&text, "- {name: %s, host: %s, user: root, key: %s, "+
			"options: [StrictHostKeyChecking=no, UserKnownHostsFile=/dev/null, LogLevel=ERROR]}\n", n.Name, n.Address, in("user"))
	}
	return in("hosts.yaml"), os.WriteFile(in("hosts.yaml"), []byte(text.String()), 0o600)
}
