package doctor

import "time"

// notice is how long before its end an exception, or a certificate, is warned about.
const notice = 30 * 24 * time.Hour

var _ = register(&Check{
	ID:    "exceptions",
	Title: "Exceptions are not about to end",
	Why:   "on the day after its end, what an exception let pass is refused",
	run: func(f *Facts, out *findings) {
		if f.Policy == nil {
			return
		}
		list := f.Policy.Policy.Exceptions
		good := 0
		for _, e := range list {
			end := day(e.Expires)
			switch left := e.Expires.Sub(f.Now); {
			case left <= 0:
				out.warn("remove it, or ask "+e.Owner+" whether to renew it", "exception %q of %s ended at %s and counts nowhere", e.Name, e.Owner, end)
			case left <= notice:
				out.warn("ask "+e.Owner+" whether to renew it", "exception %q of %s ends at %s", e.Name, e.Owner, end)
			default:
				good++
			}
		}
		if good == len(list) {
			out.ok("%d exceptions, none ends within %d days", good, notice/(24*time.Hour))
		}
	},
})
