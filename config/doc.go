// Package config reads policy files.
package config
