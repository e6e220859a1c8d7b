package request

import "encoding/json"

// volumeBody is the body of volume create.
//
// Source: moby api/types/volume CreateRequest.
type volumeBody struct {
	Name              string
	Driver            string
	DriverOpts        map[string]string
	Labels            map[string]string
	ClusterVolumeSpec *json.RawMessage
}

// decodeVolumeCreate gives the volume as the one mount of a workload, so that what guards the volumes of a container create
// guards the same volume made beforehand.
func decodeVolumeCreate(r *Request, body []byte) error {
	b, unknown, err := volumeFormat.decode(body)
	if err != nil {
		return err
	}
	r.Unknown = unknown
	r.Workload = &Workload{Door: DoorVolume, Version: r.Version, Files: Files{Mounts: []Mount{{
		Field: "volume", Type: MountVolume, Source: b.Name, Driver: b.Driver, DriverOptions: b.DriverOpts, ClusterSpec: b.ClusterVolumeSpec != nil,
	}}}}
	return nil
}
