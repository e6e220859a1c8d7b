// Package host looks at the machine that dockerd runs on, for the commands that an operator runs there: its files and processes,
// dockerd's configuration, the Engine's socket and the plugin's. It changes nothing; the one thing it makes is the text of another
// configuration file.
package host
