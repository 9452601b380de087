package replication

import "runtime/metrics"

// liveHeap is the memory of live objects and of those not yet collected.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
