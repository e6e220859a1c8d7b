package request

// Operation names what a call does, in the words of the Engine's API specification (operationId in moby api/swagger.yaml,
// and names of the same kind for the routes the specification leaves out). The empty Operation is unknown and never allowed.
type Operation string

// Class says how far an operation reaches. The zero value is the most dangerous one, so that a route added without thought is refused.
type Class uint8

// The classes of engine routes.
const (
	Dangerous Class = iota // can lead to root on the host, to another tenant, or past the plugin
	Mutating               // changes objects of the Engine, within what the container rules allow
	Sensitive              // reads only, but reveals secrets, makes the Engine call out, or costs much
	Read                   // reads only
)

func (c Class) String() string {
	return [...]string{"dangerous", "mutating", "sensitive", "read"}[c]
}

// BodyKind says what an operation does with the request body.
type BodyKind uint8

// The kinds of bodies.
const (
	NoBody       BodyKind = iota // none is read; one that is shown is refused unless it is empty JSON
	JSONBody                     // JSON, without which the call cannot be judged
	OptionalJSON                 // JSON that the Engine can do without
	OpaqueBody                   // tar, stream or credentials; dockerd never shows it
)

// Route is a row of the Engine's route table.
type Route struct {
	Operation Operation
	Method    string
	Template  string // gorilla/mux template without the version prefix
	Class     Class
	Body      BodyKind
	Text      string   // the operation in plain words, for messages: "container create"
	Params    []string // parameters that a decision or a record relies on; given twice they are refused
}

// Operations that other packages name.
const (
	ContainerCreate Operation = "ContainerCreate"
	ContainerStart  Operation = "ContainerStart"
	ContainerAttach Operation = "ContainerAttach"
	ContainerRename Operation = "ContainerRename"
	ContainerUpdate Operation = "ContainerUpdate"
	ContainerExec   Operation = "ContainerExec"

	ContainerAttachWebsocket Operation = "ContainerAttachWebsocket"
	ContainerRestart         Operation = "ContainerRestart"
	PutContainerArchive      Operation = "PutContainerArchive"
	ExecStart                Operation = "ExecStart"
	ImageCreate              Operation = "ImageCreate"
	ImageBuild               Operation = "ImageBuild"
	Session                  Operation = "Session"
	BuildKit                 Operation = "BuildKit"
	VolumeCreate             Operation = "VolumeCreate"
	NetworkCreate            Operation = "NetworkCreate"
	NetworkConnect           Operation = "NetworkConnect"
	NetworkDisconnect        Operation = "NetworkDisconnect"
	ServiceCreate            Operation = "ServiceCreate"
	ServiceUpdate            Operation = "ServiceUpdate"

	ImagePush     Operation = "ImagePush"
	ImageTag      Operation = "ImageTag"
	ImageCommit   Operation = "ImageCommit"
	ImageGetAll   Operation = "ImageGetAll"
	ImageLoad     Operation = "ImageLoad"
	ImageDelete   Operation = "ImageDelete"
	ImagePrune    Operation = "ImagePrune"
	PluginDelete  Operation = "PluginDelete"
	PluginEnable  Operation = "PluginEnable"
	PluginDisable Operation = "PluginDisable"
	PluginPull    Operation = "PluginPull"
	PluginUpgrade Operation = "PluginUpgrade"
	PluginSet     Operation = "PluginSet"
	PluginCreate  Operation = "PluginCreate"
)

// table is the union of the routes of Engine 20.10.24 and the newest line, in dockerd's order of registration: of two routes
// that match, the first one wins (checkpoints stand before containers for that reason).
//
// Source: moby daemon/server/router/*, and api/server/router/* of v20.10.24.
var table = []Route{
	{"CheckpointList", "GET", "/containers/{name:.*}/checkpoints", Sensitive, NoBody, "checkpoint list", []string{"dir"}},
	{"CheckpointCreate", "POST", "/containers/{name:.*}/checkpoints", Dangerous, JSONBody, "checkpoint create", nil},
	{"CheckpointDelete", "DELETE", "/containers/{name}/checkpoints/{checkpoint}", Dangerous, NoBody, "checkpoint delete", []string{"dir"}},

	{"ContainerArchiveInfo", "HEAD", "/containers/{name:.*}/archive", Sensitive, NoBody, "container archive info", []string{"path"}},
	{"ContainerList", "GET", "/containers/json", Read, NoBody, "container list", nil},
	{"ContainerExport", "GET", "/containers/{name:.*}/export", Sensitive, NoBody, "container export", nil},
	{"ContainerChanges", "GET", "/containers/{name:.*}/changes", Read, NoBody, "container changes", nil},
	{"ContainerInspect", "GET", "/containers/{name:.*}/json", Sensitive, NoBody, "container inspect", nil},
	{"ContainerTop", "GET", "/containers/{name:.*}/top", Sensitive, NoBody, "container top", []string{"ps_args"}},
	{"ContainerLogs", "GET", "/containers/{name:.*}/logs", Sensitive, NoBody, "container logs", nil},
	{"ContainerStats", "GET", "/containers/{name:.*}/stats", Read, NoBody, "container stats", nil},
	{ContainerAttachWebsocket, "GET", "/containers/{name:.*}/attach/ws", Dangerous, NoBody, "container attach (websocket)", nil},
	{"ExecInspect", "GET", "/exec/{id:.*}/json", Sensitive, NoBody, "exec inspect", nil},
	{"ContainerArchive", "GET", "/containers/{name:.*}/archive", Sensitive, NoBody, "container archive read", []string{"path"}},
	{ContainerCreate, "POST", "/containers/create", Dangerous, JSONBody, "container create", []string{"name", "platform"}},
	{"ContainerKill", "POST", "/containers/{name:.*}/kill", Mutating, NoBody, "container kill", nil},
	{"ContainerPause", "POST", "/containers/{name:.*}/pause", Mutating, NoBody, "container pause", nil},
	{"ContainerUnpause", "POST", "/containers/{name:.*}/unpause", Mutating, NoBody, "container unpause", nil},
	{ContainerRestart, "POST", "/containers/{name:.*}/restart", Mutating, NoBody, "container restart", nil},
	{ContainerStart, "POST", "/containers/{name:.*}/start", Dangerous, NoBody, "container start", []string{"checkpoint", "checkpoint-dir"}},
	{"ContainerStop", "POST", "/containers/{name:.*}/stop", Mutating, NoBody, "container stop", nil},
	{"ContainerWait", "POST", "/containers/{name:.*}/wait", Read, NoBody, "container wait", nil},
	{"ContainerResize", "POST", "/containers/{name:.*}/resize", Mutating, NoBody, "container resize", nil},
	{ContainerAttach, "POST", "/containers/{name:.*}/attach", Dangerous, NoBody, "container attach", nil},
	{"ContainerCopy", "POST", "/containers/{name:.*}/copy", Sensitive, JSONBody, "container copy", nil},
	{ContainerExec, "POST", "/containers/{name:.*}/exec", Dangerous, JSONBody, "exec create", nil},
	{ExecStart, "POST", "/exec/{name:.*}/start", Dangerous, OptionalJSON, "exec start", nil},
	{"ExecResize", "POST", "/exec/{name:.*}/resize", Mutating, NoBody, "exec resize", nil},
	{ContainerRename, "POST", "/containers/{name:.*}/rename", Mutating, NoBody, "container rename", []string{"name"}},
	{ContainerUpdate, "POST", "/containers/{name:.*}/update", Dangerous, JSONBody, "container update", nil},
	{"ContainerPrune", "POST", "/containers/prune", Mutating, NoBody, "container prune", nil},
	{ImageCommit, "POST", "/commit", Mutating, OptionalJSON, "image commit", []string{"container", "repo", "tag"}},
	{PutContainerArchive, "PUT", "/containers/{name:.*}/archive", Dangerous, OpaqueBody, "container archive write", []string{"path"}},
	{"ContainerDelete", "DELETE", "/containers/{name:.*}", Mutating, NoBody, "container delete", nil},

	{"ImageList", "GET", "/images/json", Read, NoBody, "image list", nil},
	{"ImageSearch", "GET", "/images/search", Sensitive, NoBody, "image search", []string{"term"}},
	{ImageGetAll, "GET", "/images/get", Sensitive, NoBody, "image save", nil},
	{"ImageGet", "GET", "/images/{name:.*}/get", Sensitive, NoBody, "image save", nil},
	{"ImageHistory", "GET", "/images/{name:.*}/history", Read, NoBody, "image history", nil},
	{"ImageInspect", "GET", "/images/{name:.*}/json", Read, NoBody, "image inspect", nil},
	{"ImageAttestations", "GET", "/images/{name:.*}/attestations", Read, NoBody, "image attestations", nil},
	{ImageLoad, "POST", "/images/load", Mutating, OpaqueBody, "image load", nil},
	{ImageCreate, "POST", "/images/create", Dangerous, OpaqueBody, "image pull or import", []string{"fromImage", "fromSrc", "tag", "repo", "platform"}},
	{ImagePush, "POST", "/images/{name:.*}/push", Mutating, OpaqueBody, "image push", []string{"tag"}},
	{ImageTag, "POST", "/images/{name:.*}/tag", Mutating, NoBody, "image tag", []string{"repo", "tag"}},
	{ImagePrune, "POST", "/images/prune", Mutating, NoBody, "image prune", []string{"filters"}},
	{ImageDelete, "DELETE", "/images/{name:.*}", Mutating, NoBody, "image delete", nil},

	{"PingOptions", "OPTIONS", "/{anyroute:.*}", Read, NoBody, "options", nil},
	{"SystemPingHead", "HEAD", "/_ping", Read, NoBody, "ping", nil},
	{"SystemPing", "GET", "/_ping", Read, NoBody, "ping", nil},
	{"SystemEvents", "GET", "/events", Sensitive, NoBody, "events", nil},
	{"SystemInfo", "GET", "/info", Read, NoBody, "info", nil},
	{"SystemVersion", "GET", "/version", Read, NoBody, "version", nil},
	{"SystemDataUsage", "GET", "/system/df", Sensitive, NoBody, "disk usage", nil},
	{"SystemAuth", "POST", "/auth", Sensitive, OpaqueBody, "registry login", nil},

	{"VolumeList", "GET", "/volumes", Read, NoBody, "volume list", nil},
	{"VolumeInspect", "GET", "/volumes/{name:.*}", Read, NoBody, "volume inspect", nil},
	{VolumeCreate, "POST", "/volumes/create", Dangerous, JSONBody, "volume create", nil},
	{"VolumePrune", "POST", "/volumes/prune", Mutating, NoBody, "volume prune", nil},
	{"VolumeUpdate", "PUT", "/volumes/{name:.*}", Mutating, JSONBody, "volume update", nil},
	{"VolumeDelete", "DELETE", "/volumes/{name:.*}", Mutating, NoBody, "volume delete", nil},

	{ImageBuild, "POST", "/build", Dangerous, OpaqueBody, "image build", []string{"version", "networkmode", "remote", "cgroupparent"}},
	{"BuildPrune", "POST", "/build/prune", Mutating, NoBody, "build cache prune", nil},
	{"BuildCancel", "POST", "/build/cancel", Mutating, NoBody, "build cancel", nil},
	{Session, "POST", "/session", Dangerous, OpaqueBody, "build session", nil},

	{"SwarmInit", "POST", "/swarm/init", Dangerous, JSONBody, "swarm init", nil},
	{"SwarmJoin", "POST", "/swarm/join", Dangerous, JSONBody, "swarm join", nil},
	{"SwarmLeave", "POST", "/swarm/leave", Mutating, NoBody, "swarm leave", nil},
	{"SwarmInspect", "GET", "/swarm", Sensitive, NoBody, "swarm inspect", nil},
	{"SwarmUnlockkey", "GET", "/swarm/unlockkey", Sensitive, NoBody, "swarm unlock key", nil},
	{"SwarmUpdate", "POST", "/swarm/update", Dangerous, JSONBody, "swarm update", nil},
	{"SwarmUnlock", "POST", "/swarm/unlock", Dangerous, JSONBody, "swarm unlock", nil},
	{"ServiceList", "GET", "/services", Sensitive, NoBody, "service list", nil},
	{"ServiceInspect", "GET", "/services/{id}", Sensitive, NoBody, "service inspect", nil},
	{ServiceCreate, "POST", "/services/create", Dangerous, JSONBody, "service create", nil},
	{ServiceUpdate, "POST", "/services/{id}/update", Dangerous, JSONBody, "service update", []string{"rollback"}},
	{"ServiceDelete", "DELETE", "/services/{id}", Mutating, NoBody, "service delete", nil},
	{"ServiceLogs", "GET", "/services/{id}/logs", Sensitive, NoBody, "service logs", nil},
	{"NodeList", "GET", "/nodes", Read, NoBody, "node list", nil},
	{"NodeInspect", "GET", "/nodes/{id}", Read, NoBody, "node inspect", nil},
	{"NodeDelete", "DELETE", "/nodes/{id}", Mutating, NoBody, "node delete", nil},
	{"NodeUpdate", "POST", "/nodes/{id}/update", Dangerous, JSONBody, "node update", nil},
	{"TaskList", "GET", "/tasks", Sensitive, NoBody, "task list", nil},
	{"TaskInspect", "GET", "/tasks/{id}", Sensitive, NoBody, "task inspect", nil},
	{"TaskLogs", "GET", "/tasks/{id}/logs", Sensitive, NoBody, "task logs", nil},
	{"SecretList", "GET", "/secrets", Sensitive, NoBody, "secret list", nil},
	{"SecretCreate", "POST", "/secrets/create", Mutating, JSONBody, "secret create", nil},
	{"SecretDelete", "DELETE", "/secrets/{id}", Mutating, NoBody, "secret delete", nil},
	{"SecretInspect", "GET", "/secrets/{id}", Sensitive, NoBody, "secret inspect", nil},
	{"SecretUpdate", "POST", "/secrets/{id}/update", Mutating, JSONBody, "secret update", nil},
	{"ConfigList", "GET", "/configs", Sensitive, NoBody, "config list", nil},
	{"ConfigCreate", "POST", "/configs/create", Mutating, JSONBody, "config create", nil},
	{"ConfigDelete", "DELETE", "/configs/{id}", Mutating, NoBody, "config delete", nil},
	{"ConfigInspect", "GET", "/configs/{id}", Sensitive, NoBody, "config inspect", nil},
	{"ConfigUpdate", "POST", "/configs/{id}/update", Mutating, JSONBody, "config update", nil},

	{"PluginList", "GET", "/plugins", Read, NoBody, "plugin list", nil},
	{"PluginInspect", "GET", "/plugins/{name:.*}/json", Read, NoBody, "plugin inspect", nil},
	{"GetPluginPrivileges", "GET", "/plugins/privileges", Sensitive, NoBody, "plugin privileges", []string{"remote"}},
	{PluginDelete, "DELETE", "/plugins/{name:.*}", Dangerous, NoBody, "plugin delete", nil},
	{PluginEnable, "POST", "/plugins/{name:.*}/enable", Dangerous, NoBody, "plugin enable", nil},
	{PluginDisable, "POST", "/plugins/{name:.*}/disable", Dangerous, NoBody, "plugin disable", nil},
	{PluginPull, "POST", "/plugins/pull", Dangerous, JSONBody, "plugin install", []string{"remote", "name"}},
	{"PluginPush", "POST", "/plugins/{name:.*}/push", Sensitive, OpaqueBody, "plugin push", nil},
	{PluginUpgrade, "POST", "/plugins/{name:.*}/upgrade", Dangerous, JSONBody, "plugin upgrade", []string{"remote"}},
	{PluginSet, "POST", "/plugins/{name:.*}/set", Dangerous, JSONBody, "plugin set", nil},
	{PluginCreate, "POST", "/plugins/create", Dangerous, OpaqueBody, "plugin create", []string{"name"}},

	{"DistributionInspect", "GET", "/distribution/{name:.*}/json", Sensitive, NoBody, "distribution inspect", nil},
	{BuildKit, "POST", "/grpc", Dangerous, OpaqueBody, "build (BuildKit control)", nil},

	{"NetworkList", "GET", "/networks", Read, NoBody, "network list", nil},
	{"NetworkListSlash", "GET", "/networks/", Read, NoBody, "network list", nil},
	{"NetworkInspect", "GET", "/networks/{id:.+}", Read, NoBody, "network inspect", nil},
	{NetworkCreate, "POST", "/networks/create", Dangerous, JSONBody, "network create", nil},
	{NetworkConnect, "POST", "/networks/{id:.*}/connect", Dangerous, JSONBody, "network connect", nil},
	{NetworkDisconnect, "POST", "/networks/{id:.*}/disconnect", Mutating, JSONBody, "network disconnect", nil},
	{"NetworkPrune", "POST", "/networks/prune", Mutating, NoBody, "network prune", nil},
	{"NetworkDelete", "DELETE", "/networks/{id:.*}", Mutating, NoBody, "network delete", nil},

	// Profiling of the daemon itself: heap contents and processor time. Up to 27.0 any method reaches these, without a version.
	{"DebugVars", "GET", "/debug/vars", Sensitive, NoBody, "debug vars", nil},
	{"DebugPprofIndex", "GET", "/debug/pprof/", Sensitive, NoBody, "debug profile", nil},
	{"DebugPprofCmdline", "GET", "/debug/pprof/cmdline", Sensitive, NoBody, "debug profile", nil},
	{"DebugPprofProfile", "GET", "/debug/pprof/profile", Sensitive, NoBody, "debug profile", nil},
	{"DebugPprofSymbol", "GET", "/debug/pprof/symbol", Sensitive, NoBody, "debug profile", nil},
	{"DebugPprofTrace", "GET", "/debug/pprof/trace", Sensitive, NoBody, "debug profile", nil},
	{"DebugPprof", "GET", "/debug/pprof/{name}", Sensitive, NoBody, "debug profile", nil},
}

// Routes returns the route table in the Engine's order. The slice must not be changed.
func Routes() []Route { return table }
