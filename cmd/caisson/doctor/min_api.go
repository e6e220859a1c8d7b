package doctor

import "caisson/authz/request"

var _ = register(&Check{
	ID:    "min-api-version",
	Title: "Old API versions are not brought back",
	Why:   "requests of old API versions have meanings of their own, and few clients need them",
	run: func(f *Facts, out *findings) {
		if f.Config != nil && f.Config.MinAPI != "" {
			out.info(`take "min-api-version" out of dockerd's configuration`, "dockerd takes API %s and later; Caisson refuses what is older than %s", f.Config.MinAPI, request.OldestVersion)
			return
		}
		out.ok("dockerd takes the API versions that it is meant to")
	},
})
