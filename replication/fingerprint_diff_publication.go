package replication

import (
	"slices"
	"strings"
)

func (d *differ) publication() {
	was, is := d.was.Publication, d.is.Publication
	switch {
	case was == nil && is == nil:
		return
	case was == nil:
		d.add(Rebuild, "", "", "publication %s was created", is.Name)
		return
	case is == nil:
		d.add(Rebuild, "", "", "publication %s is gone", was.Name)
		return
	case was.OID != is.OID:
		d.add(Rebuild, "", "", "publication %s was re-created", was.Name)
	}
	before := len(d.found)
	for _, op := range []struct {
		name    string
		was, is bool
	}{{"insert", was.Insert, is.Insert}, {"update", was.Update, is.Update}, {"delete", was.Delete, is.Delete}, {"truncate", was.Truncate, is.Truncate}} {
		switch {
		case op.was && !op.is:
			d.add(Rebuild, "", "", "publication %s does not publish %s any more", was.Name, op.name)
		case !op.was && op.is:
			d.add(Rebuild, "", "", "publication %s publishes %s now", was.Name, op.name)
		}
	}
	if was.AllTables != is.AllTables || was.ViaRoot != is.ViaRoot {
		d.add(Rebuild, "", "", "publication %s was altered (all tables, or by way of the root)", was.Name)
	}
	d.published()
	if was.Written != is.Written && len(d.found) == before && was.OID == is.OID {
		d.add(Rebuild, "", "", "publication %s was altered and may have left something out for a while", was.Name)
	}
}

// published compares what the publication has of each followed table.
func (d *differ) published() {
	was, is := d.was.Publication, d.is.Publication
	for _, name := range followedNames() {
		t := d.was.Table(d.schema, name)
		if t == nil {
			continue
		}
		had, has := slices.Contains(was.Covers, t.OID), slices.Contains(is.Covers, t.OID)
		switch {
		case had && !has:
			d.add(Rebuild, t.FullName(), "", "publication %s does not have %s any more", was.Name, t.FullName())
			continue
		case !had && has:
			d.add(Rebuild, t.FullName(), "", "publication %s has %s now", was.Name, t.FullName())
			continue
		}
		before, now := was.published(t.OID), is.published(t.OID)
		switch {
		case before == nil && now == nil:
		case before == nil || now == nil:
			d.add(Rebuild, t.FullName(), "", "publication %s has %s by another clause now", was.Name, t.FullName())
		case before.Filter != now.Filter && now.Filter != "":
			d.add(Rebuild, t.FullName(), "", "publication %s has a row filter on %s now", was.Name, t.FullName())
		case before.Filter != now.Filter:
			d.add(Rebuild, t.FullName(), "", "publication %s has no row filter on %s any more", was.Name, t.FullName())
		case !slices.Equal(before.Columns, now.Columns) || (before.Columns == nil) != (now.Columns == nil):
			d.add(Rebuild, t.FullName(), "", "publication %s has the columns (%s) of %s now; it had (%s)",
				was.Name, columnNames(now.Columns), t.FullName(), columnNames(before.Columns))
		case before.Written != now.Written:
			d.add(Rebuild, t.FullName(), "", "%s left publication %s for a while", t.FullName(), was.Name)
		}
	}
}

func columnNames(list []string) string {
	if list == nil {
		return "all"
	}
	return strings.Join(list, ", ")
}
