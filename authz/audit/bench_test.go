package audit_test

import (
	"path/filepath"
	"testing"

	"caisson/authz/audit"
)

// BenchmarkFile measures a record of an allowed read from its fields to the kernel's cache, one at a time and many at once.
func BenchmarkFile(b *testing.B) {
	for name, workers := range map[string]int{"alone": 0, "together": 64} {
		b.Run(name, func(b *testing.B) {
			log, err := audit.OpenLog(filepath.Join(b.TempDir(), "audit.log"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := log.Close(b.Context()); err != nil {
					b.Error(err)
				}
			}()
			record := records()[0]
			b.ReportAllocs()
			if workers == 0 {
				for b.Loop() {
					if err := log.Write(record, nil); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.SetParallelism(workers)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := log.Write(record, nil); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
