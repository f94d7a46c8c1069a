//go:build linux

package claude

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

// mcpServer is what makes the test binary a small MCP server on stdio, with a
// tool that sends a mail (it does not) and one that asks the person for a name,
// and says what they answered.
const mcpServer = "CPD_TEST_MCP"

// withMCP gives the client that server.
func withMCP(t *testing.T, home *claudetest.Home) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"demo": map[string]any{
		"command": self, "args": []string{}, "env": map[string]string{mcpServer: "1"},
	}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(home.Dir, "mcp.json"), config, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	home.Args = append(home.Args, "--mcp-config", filepath.Join(home.Dir, "mcp.json"))
}

type rpc struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method"`
	Params struct {
		ProtocolVersion string `json:"protocolVersion"`
		Name            string `json:"name"`
	} `json:"params"`
	Result json.RawMessage `json:"result"`
}

func serveMCP() {
	lines := bufio.NewScanner(os.Stdin)
	var asked json.RawMessage // the call that waits for the person
	for lines.Scan() {
		var got rpc
		if json.Unmarshal(lines.Bytes(), &got) != nil {
			continue
		}
		answer := func(id json.RawMessage, result string) {
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", id, result)
		}
		said := func(text string) string {
			raw, _ := json.Marshal(text) // a text can always be
			return `{"content":[{"type":"text","text":` + string(raw) + `}]}`
		}
		switch {
		case got.Method == "initialize":
			answer(got.ID, `{"protocolVersion":"`+got.Params.ProtocolVersion+`","capabilities":{"tools":{}},"serverInfo":{"name":"demo","version":"1"}}`)
		case got.Method == "tools/list":
			answer(got.ID, `{"tools":[{"name":"send_mail","description":"Send a mail","inputSchema":{"type":"object","properties":{"to":{"type":"string"}}}},`+
				`{"name":"ask_name","description":"Ask for a name","inputSchema":{"type":"object","properties":{}}}]}`)
		case got.Method == "tools/call" && got.Params.Name == "ask_name":
			asked = got.ID
			fmt.Println(`{"jsonrpc":"2.0","id":1000,"method":"elicitation/create","params":{"message":"Your name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string","title":"Name"}},"required":["name"]}}}`)
		case got.Method == "tools/call":
			answer(got.ID, said("Sent."))
		case got.Method == "" && asked != nil: // what the person said
			answer(asked, said("The person said "+string(got.Result)))
			asked = nil
		case len(got.ID) > 0:
			answer(got.ID, `{}`)
		}
	}
}
