package config

import "caisson/authz/image"

func (d *decoder) layouts([]string) []image.Evidence { return nil }
