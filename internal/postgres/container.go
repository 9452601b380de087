//go:build unix

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	dockertype "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// A container is a server that Docker runs. Docker's own reaper removes it
// when this process is gone.
type container struct {
	docker *testcontainers.DockerContainer
	url    *url.URL
}

// tryContainer runs a server in a container where Docker answers.
func tryContainer(ctx context.Context, _ machine, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	host, err := dockerAnswers(ctx)
	if err != nil {
		return nil, unavailablef("Docker does not answer: %v", err)
	}
	o.Log("starting a container of " + o.Image)
	c, err := runContainer(ctx, o, host)
	if err != nil {
		return nil, unavailablef("Docker answers, but %v", err)
	}
	s := &Server{Kind: Container, url: c.url, timeout: o.StartTimeout, host: c, running: true}
	err = s.ask(ctx)
	if err == nil && s.version < o.MinVersion {
		err = fmt.Errorf("image %s is version %d, and %d or later is needed", o.Image, s.version, o.MinVersion)
	}
	if err != nil {
		return nil, errors.Join(err, c.discard(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// dockerAnswers asks for the engine's information, and says on which host it
// publishes ports. The library panics where it finds no trace of Docker at all.
func dockerAnswers(ctx context.Context) (host string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	log.SetDefault(silence{})
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(silence{}))
	if err != nil {
		return "", err
	}
	defer provider.Close()
	if host, err = provider.DaemonHost(ctx); err != nil {
		return "", err
	}
	return host, provider.Health(ctx)
}

// silence keeps the library from printing; what matters is in its errors.
type silence struct{}

func (silence) Printf(string, ...any) {}

func runContainer(ctx context.Context, o Options, host string) (*container, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	publish := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if host != "localhost" && host != publish.String() {
		publish = netip.IPv4Unspecified() // Docker is on another machine
	}
	args := []string{"postgres", "-c", "shared_preload_libraries=pg_stat_statements"}
	for _, name := range o.settingNames() {
		args = append(args, "-c", name+"="+o.Settings[name])
	}
	docker, err := testcontainers.Run(ctx, o.Image,
		// A port of our choice, so that the address survives a restart.
		testcontainers.WithExposedPorts("5432/tcp"),
		testcontainers.WithHostConfigModifier(func(c *dockertype.HostConfig) {
			c.PortBindings = network.PortMap{network.MustParsePort("5432/tcp"): {{
				HostIP: publish, HostPort: strconv.Itoa(port),
			}}}
		}),
		testcontainers.WithEnv(map[string]string{
			"POSTGRES_USER": superuser, "POSTGRES_PASSWORD": password, "POSTGRES_DB": "postgres",
			"POSTGRES_HOST_AUTH_METHOD": "scram-sha-256", "POSTGRES_INITDB_ARGS": "--locale=C.UTF-8 --encoding=UTF8 --no-sync",
		}),
		testcontainers.WithCmd(args...))
	c := &container{docker: docker, url: &url.URL{Scheme: "postgres", User: url.UserPassword(superuser, password),
		Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/postgres", RawQuery: "sslmode=disable"}}
	if err == nil {
		err = c.ready(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.discard(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// ready waits until the server accepts connections. (While it initializes, the
// image runs a server that listens on its socket only.)
func (c *container) ready(ctx context.Context) error {
	return poll(ctx, func() (bool, error) { return accepts(ctx, c.url.String()), nil })
}

func (c *container) shutdown(ctx context.Context, kill bool) error {
	if kill {
		docker, err := testcontainers.NewDockerClientWithOpts(ctx)
		if err != nil {
			return err
		}
		defer docker.Close()
		_, err = docker.ContainerKill(ctx, c.docker.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
		return err
	}
	// The image's stop signal is SIGINT: a fast shutdown.
	patience := 24 * time.Hour
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline)
	}
	return c.docker.Stop(ctx, &patience)
}

func (c *container) launch(ctx context.Context) error {
	if err := c.docker.Start(ctx); err != nil {
		return err
	}
	return c.ready(ctx)
}

func (c *container) discard(ctx context.Context) error {
	if c.docker == nil {
		return nil
	}
	return c.docker.Terminate(ctx, testcontainers.StopTimeout(0))
}

// pid is unknown: the process is in a namespace of its own.
func (c *container) pid() int { return 0 }
