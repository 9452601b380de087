package config

import "strings"

// nearest is the known name that is most like the one given, or nothing when
// none is alike. A name that was only written in another place (slot_name for
// replication.slot_name) is found by its last part.
func nearest(name string, known []string) string {
	best, bestDistance := "", max(2, len(name)/3)+1
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, k := range known {
		d := distance(name, k)
		if lastKnown := k[strings.LastIndexByte(k, '.')+1:]; len(last) > 3 && lastKnown == last {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
