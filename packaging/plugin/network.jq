# Makes config.json that of the variant with a network: the host's, since the Engine gives managed plugins that or none.
.Network.Type = "host"
| .Description += " (with the host's network)"
| .Mounts += [{
	Name: "certificates",
	Description: "folder of the certificates of authorities on the host, for registries and collectors",
	Source: "/etc/ssl/certs",
	Destination: "/etc/ssl/certs",
	Type: "bind",
	Options: ["bind", "ro", "nosuid", "nodev", "noexec"],
	Settable: ["source"]
}]
| .Env += [
	{Name: "HTTPS_PROXY", Description: "proxy on the way to registries and collectors", Settable: ["value"], Value: ""},
	{Name: "NO_PROXY", Description: "names that are reached without the proxy", Settable: ["value"], Value: ""}
]
