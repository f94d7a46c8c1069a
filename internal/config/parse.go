package config

// Parse reads the text of a config.toml alone: without the environment, without
// the files that it names, and without judging what it says together (see
// Validate). The error names lines and keys, and quotes no values.
func Parse(text string) (Config, error) {
	c := Default()
	err := c.read(text)
	return c, err
}
