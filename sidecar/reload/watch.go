package reload

import (
	"context"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// WatchFiles reloads when files have changed that the configuration was read
// from, until ctx ends: some time after the last change, and only where something
// else is in them than before. Where the system does not tell of changes they are
// found by looking.
func (r *Reloader) WatchFiles(ctx context.Context, hangup <-chan struct{}) {
	w := &watcher{reloader: r}
	var told <-chan fsnotify.Event
	var failed <-chan error
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		r.logger.Warn("files of the configuration are not watched, but looked at now and then", "error", err)
	} else {
		defer notify.Close() //nolint:errcheck // it ends with the process
		w.notify, told, failed = notify, notify.Events, notify.Errors
	}
	w.follow()
	poll := time.NewTimer(r.live.Current().Config.Reload.PollInterval)
	defer poll.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		options := r.live.Current().Config.Reload
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			_, _ = r.Reload("SIGHUP") // it is told
			w.follow()
		case <-told:
			if options.Watch {
				quiet.Reset(options.Debounce)
			}
		case err := <-failed:
			r.logger.Debug("changes of files may have been missed", "error", err)
			quiet.Reset(options.Debounce)
		case <-poll.C:
			poll.Reset(options.PollInterval)
			w.look(options.Watch)
		case <-quiet.C:
			w.look(options.Watch)
		}
	}
}

type watcher struct {
	reloader *Reloader
	notify   *fsnotify.Watcher // nil: the system does not tell
}

// look reloads where something has changed.
func (w *watcher) look(wanted bool) {
	if wanted && w.reloader.files.changed() {
		_, _ = w.reloader.Reload("a file") // it is told
	}
	w.follow()
}

// follow watches the folders that matter now. One that was removed and is there
// again is watched anew.
func (w *watcher) follow() {
	if w.notify == nil {
		return
	}
	folders := w.reloader.files.folders()
	for _, watched := range w.notify.WatchList() {
		if !slices.Contains(folders, watched) {
			_ = w.notify.Remove(watched) // it may be gone
		}
	}
	for _, folder := range folders {
		_ = w.notify.Add(folder) // one that is not there is looked for again
	}
}
