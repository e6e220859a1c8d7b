package state

import "caisson/authz/request"

// LookUps are the operations that a view performs on a real Engine. They come back to the plugin as requests of the local socket,
// and nothing tells them from requests of others there. So they must be decided without a look-up, and must be allowed.
var LookUps = []request.Operation{
	"ContainerInspect", "ContainerList", "ExecInspect", "VolumeInspect", "NetworkInspect", "ImageInspect", "SystemInfo", "SystemPing", "SystemPingHead",
}
