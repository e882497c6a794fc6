package master

import (
	"context"
	"errors"
	"time"

	"dyno/internal/atomicfile"
	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/ledger"
)

// Role is the role master.
func Role() systems.Role {
	return systems.Role{Serves: true, Command: systems.Command{
		Name:    "master",
		Args:    "JOB FILE...",
		Summary: "hands out the tasks of one job to workers, publishes the output, and ends with the job",
		Example: "dyno mapreduce master --listen 127.0.0.1:7100 --reduces 4 --out counts wordcount book.txt",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			s := &config.Config{}
			s.Declare(fs, config.RoleKnobs...)
			listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
			watched := fs.Bool("watched", false, "when the job is over, wait until somebody who watches it has heard so")
			tells := fs.Bool("ledger", false, "write a line of JSON to standard output for each attempt that it gives out, and hears the end of")
			return func(ctx context.Context, sh systems.Shell) error {
				var l *ledger.Writer
				if *tells {
					l = &ledger.Writer{Out: sh.Out}
				}
				return runMaster(ctx, sh, s, *listen, *watched, l)
			}
		},
	}}
}

func runMaster(ctx context.Context, sh systems.Shell, s *config.Config, listen string, watched bool, l *ledger.Writer) (err error) {
	if err := s.Check(sh.Args); err != nil {
		return err
	}
	log := sh.Log().With("role", "master")
	lis, err := rpc.Listen(ctx, listen) // workers may be there already: they wait
	if err != nil {
		return err
	}
	m, err := newMaster(ctx, s, log, l)
	if err != nil {
		return errors.Join(err, lis.Close())
	}
	defer func() { err = errors.Join(err, m.close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.ended.Go(func() {
		select {
		case <-m.over:
			if watched {
				m.awaitWatch(ctx)
			}
		case <-ctx.Done():
		case <-m.host.Failed():
			m.fail("journal: " + m.host.Err().Error())
			<-m.over
		}
		cancel() // open streams are told, and the server ends when they have been
	})
	err = rpc.Serve(ctx, rpc.Options{
		Listener: lis,
		Log:      log,
		Ready: func(addr string) {
			log.Info("serving", "job", m.id, "maps", len(m.splits), "reduces", s.Reduces(), "address", addr)
			sh.Ready(addr)
			if err := atomicfile.Write(s.Layout().Address(), []byte(addr)); err != nil {
				log.Warn("status cannot find this master by its folder", "error", err)
			}
		},
		BeforeStop: func(context.Context) { close(m.stop) },
	}, m.register)
	cancel()
	m.ended.Wait()
	if err != nil {
		return err
	}
	return m.verdict()
}

// lastWord bounds how long a job that is over waits for who was to watch it.
const lastWord = 5 * time.Second

// awaitWatch returns when somebody who watches has been told how the job ended. A job
// may be over before who started it has begun to watch.
func (m *master) awaitWatch(ctx context.Context) {
	late := time.NewTimer(lastWord)
	defer late.Stop()
	select {
	case <-m.told:
	case <-late.C:
	case <-ctx.Done():
	}
}

// verdict is how the job ended, as an error; one that has not ended is none:
// the master was asked to stop, and the job can be resumed.
func (m *master) verdict() (err error) {
	m.host.View(func(time.Duration) {
		if m.summary != nil && m.failure != "" {
			err = errors.New("the job failed: " + m.failure)
		}
	})
	return err
}

// close closes the journal and, unless it is to be kept, removes the scratch
// folder of a job that is over.
func (m *master) close() error {
	err := m.host.Close()
	m.host.View(func(time.Duration) {
		if m.summary != nil && !m.config.Keep {
			err = errors.Join(err, m.config.Layout().Remove())
		}
	})
	return err
}
