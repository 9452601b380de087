package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/store"
)

// storedPatience bounds how long a command that only tells of the configuration
// waits for the database.
const storedPatience = 3 * time.Second

// storedFlag leaves out what is stored in the database.
type storedFlag struct{ without bool }

func (f *storedFlag) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.without, "no-database", false, "leave out the values that are stored in the database")
}

// loaded reads all sources as a sidecar would, those of the database where one is
// configured and answers; where it does not, standard error says so.
func (f *storedFlag) loaded(a *app, c *cobra.Command) (*config.Loaded, error) {
	first, err := config.Bootstrap(a.sources(c))
	if err != nil || f.without || !first.Reload.Database || first.Database.URL == "" {
		return config.Load(a.sources(c))
	}
	all, err := storedSoon(c.Context(), first)
	if err != nil {
		fmt.Fprintf(a.stderr, "without the values that are stored in the database, which cannot be read (--no-database leaves them out): %s\n", err)
	}
	return store.Load(a.sources(c), all)
}

// settings is loaded for commands that need it to be right.
func (f *storedFlag) settings(a *app, c *cobra.Command) (*config.Loaded, error) {
	loaded, err := f.loaded(a, c)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	for _, w := range loaded.Warnings {
		fmt.Fprintln(a.stderr, "warning:", w)
	}
	return loaded, nil
}

func storedSoon(ctx context.Context, first *config.Config) ([]store.Setting, error) {
	ctx, cancel := context.WithTimeout(ctx, storedPatience)
	defer cancel()
	conn, err := connectTo(ctx, first)
	if err != nil {
		return nil, err
	}
	defer closeAfter(ctx, conn)
	return readStored(ctx, first, conn)
}
