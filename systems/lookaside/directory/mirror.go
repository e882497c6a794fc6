package directory

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"dyno/systems"
)

// mirror is a copy of the keys below a prefix.
type mirror struct {
	prefix string
	byKey  map[string]Entry
	log    *slog.Logger
}

func newMirror(prefix string, log *slog.Logger) *mirror {
	return &mirror{prefix: prefix, byKey: make(map[string]Entry), log: log}
}

// put copies a key. What dyno cannot have written is left out, and so is what
// nobody could dial.
func (m *mirror) put(kv *mvccpb.KeyValue) {
	var v Value
	if err := json.Unmarshal(kv.Value, &v); err != nil || v.Address == "" || systems.Reachable(v.Address) != nil {
		m.log.Warn("foreign entry in the directory", "key", string(kv.Key), "value", string(kv.Value))
		delete(m.byKey, string(kv.Key))
		return
	}
	m.byKey[string(kv.Key)] = Entry{
		Path:     strings.Split(strings.TrimPrefix(string(kv.Key), m.prefix), "/"),
		Address:  v.Address,
		Capacity: v.Capacity,
		Revision: kv.CreateRevision,
	}
}

func (m *mirror) remove(kv *mvccpb.KeyValue) { delete(m.byKey, string(kv.Key)) }

// entries lists the copy, oldest first.
func (m *mirror) entries() []Entry {
	return slices.SortedFunc(maps.Values(m.byKey), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), slices.Compare(a.Path, b.Path))
	})
}
