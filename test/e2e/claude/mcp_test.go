//go:build linux

package claude

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// mcpServer is what makes the test binary a small MCP server on stdio, with a
// tool that sends a mail (it does not) and one that asks the person for a name.
const mcpServer = "CPD_TEST_MCP"

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
		const done = `{"content":[{"type":"text","text":"Done."}]}`
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
			answer(got.ID, done)
		case got.Method == "" && asked != nil: // what the person said
			answer(asked, done)
			asked = nil
		case len(got.ID) > 0:
			answer(got.ID, `{}`)
		}
	}
}
