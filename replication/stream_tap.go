package replication

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// tap stands between the socket and the buffer that messages are read from. So
// it knows when nothing that has arrived is left, and counts the commits that
// have arrived, ahead of their being applied: when there are more of them than
// were applied, the transaction at hand is here as a whole.
type tap struct {
	r       io.Reader
	before  func() error // called before the socket is read; may be nil
	commits uint64       // Commit messages that have arrived

	// The message that was cut by the end of the last read.
	head [commitAt + 1]byte // its beginning
	have int                // how much of head there is
	skip int                // how much of the message is still to come after head
}

// commitAt is where a message of the stream says of which kind it is: behind
// type and length, the mark of XLogData, and three positions and times.
const commitAt = 1 + 4 + 1 + 24

func (t *tap) Read(p []byte) (int, error) {
	if t.before != nil {
		if err := t.before(); err != nil {
			return 0, err
		}
	}
	n, err := t.r.Read(p)
	t.count(p[:n])
	return n, err
}

// count goes from message to message, which all have a type and their length
// in front.
func (t *tap) count(p []byte) {
	for len(p) > 0 {
		if t.skip > 0 {
			n := min(t.skip, len(p))
			t.skip -= n
			p = p[n:]
			continue
		}
		want := 5 // type and length
		if t.have >= 5 {
			want = min(len(t.head), 1+t.length())
		}
		n := copy(t.head[t.have:want], p)
		t.have += n
		p = p[n:]
		if t.have < 5 || t.have < min(len(t.head), 1+t.length()) {
			continue
		}
		if t.have > commitAt && t.head[0] == 'd' && t.head[5] == 'w' && t.head[commitAt] == msgCommit {
			t.commits++
		}
		t.skip = max(0, 1+t.length()-t.have)
		t.have = 0
	}
}

// length is the message's, without its type.
func (t *tap) length() int { return max(4, int(binary.BigEndian.Uint32(t.head[1:5]))) }

// frontend builds a connection's message reader on top of the tap.
func (t *tap) frontend(size int) pgconn.BuildFrontendFunc {
	return func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		t.r = r
		return pgproto3.NewFrontend(bufio.NewReaderSize(t, size), w)
	}
}
