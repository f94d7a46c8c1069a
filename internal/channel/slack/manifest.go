package slack

import (
	"bytes"
	"encoding/json"
	"net/url"
)

// Manifest is the app manifest for one machine, as JSON for people to read and
// to paste. Each machine gets an app of its own: Slack gives a tap to any one
// of an app's connections.
func Manifest(host string) []byte {
	// In the order in which Slack shows it.
	type display struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Colour      string `json:"background_color"`
	}
	type bot struct {
		Name   string `json:"display_name"`
		Online bool   `json:"always_online"`
	}
	type home struct {
		Home     bool `json:"home_tab_enabled"`
		Messages bool `json:"messages_tab_enabled"`
		ReadOnly bool `json:"messages_tab_read_only_enabled"`
	}
	type features struct {
		Home home `json:"app_home"`
		Bot  bot  `json:"bot_user"`
	}
	type scopes struct {
		Bot []string `json:"bot"`
	}
	type oauth struct {
		Scopes scopes `json:"scopes"`
	}
	type enabled struct {
		Enabled bool `json:"is_enabled"`
	}
	type settings struct {
		Interactivity enabled `json:"interactivity"`
		Org           bool    `json:"org_deploy_enabled"`
		SocketMode    bool    `json:"socket_mode_enabled"`
		Rotation      bool    `json:"token_rotation_enabled"`
	}
	name := line(host, 12)
	manifest := struct {
		Display  display  `json:"display_information"`
		Features features `json:"features"`
		OAuth    oauth    `json:"oauth_config"`
		Settings settings `json:"settings"`
	}{
		// The name may have 35 characters, the description 140.
		display{"Claude approvals (" + name + ")", "Asks you before Claude Code on " + line(host, 60) + " runs a command or edits a file.", "#2b2b33"},
		// Without the Messages tab there are no direct messages.
		features{home{Messages: true}, bot{Name: "Claude on " + name}},
		// chat:write posts; im:history finds a card whose post was not answered,
		// im:write the conversation to look in.
		oauth{scopes{[]string{"chat:write", "im:history", "im:write"}}},
		settings{Interactivity: enabled{true}, SocketMode: true},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(manifest); err != nil {
		return nil // strings and bools can be encoded
	}
	return b.Bytes()
}

// ManifestLink opens Slack's form for a new app, filled in with the manifest.
func ManifestLink(manifest []byte) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, manifest); err != nil {
		compact.Reset()
		compact.Write(manifest)
	}
	return "https://api.slack.com/apps?" + url.Values{"new_app": {"1"}, "manifest_json": {compact.String()}}.Encode()
}
