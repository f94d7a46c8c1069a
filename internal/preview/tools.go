package preview

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tools say how each tool's input is described. A tool that is not here is
// shown as indented JSON, an MCP tool as a table.
var tools = map[string]func(*drawing){
	"Bash":            (*drawing).bash,
	"PowerShell":      (*drawing).powershell,
	"Monitor":         (*drawing).monitor,
	"Edit":            (*drawing).edit,
	"MultiEdit":       (*drawing).multiEdit,
	"Write":           (*drawing).write,
	"NotebookEdit":    (*drawing).notebook,
	"Read":            (*drawing).read,
	"Grep":            (*drawing).search,
	"Glob":            (*drawing).search,
	"WebFetch":        (*drawing).webFetch,
	"WebSearch":       (*drawing).webSearch,
	"Agent":           (*drawing).agent,
	"Task":            (*drawing).agent,
	"Skill":           (*drawing).skill,
	"ExitPlanMode":    (*drawing).plan,
	"AskUserQuestion": (*drawing).question,
}

// Tools are the names of the tools that have a description of their own, sorted.
func Tools() []string { return slices.Sorted(maps.Keys(tools)) }

func (d *drawing) bash() {
	d.p.Title = "Run a command"
	command, ok := d.input.has("command")
	if !ok {
		d.anything()
		return
	}
	d.claim()
	d.part("command", Code, "bash", command)
	d.summary(command)
	var rows [][2]string
	if ms := 0.0; d.input.value("timeout", &ms) {
		rows = append(rows, [2]string{"time limit", duration(ms)})
	}
	if d.input.is("run_in_background") {
		d.flag(Background)
		rows = append(rows, [2]string{"runs", "in the background"})
	}
	if d.input.is("dangerouslyDisableSandbox") {
		d.warn(noSandbox, "")
		rows = append(rows, [2]string{"sandbox", "switched off"})
	}
	d.table("how", rows)
	d.shell(command)
}

func (d *drawing) powershell() {
	d.bashLike("Run a PowerShell command", "powershell")
}

func (d *drawing) monitor() {
	d.bashLike("Watch what a command prints", "bash")
	d.shell(d.input.text("command"))
}

// bashLike describes a tool whose input is a command and some settings.
func (d *drawing) bashLike(title, lang string) {
	d.p.Title = title
	command, ok := d.input.has("command")
	if !ok {
		d.anything()
		return
	}
	d.claim()
	d.part("command", Code, lang, command)
	d.summary(command)
}

// claim takes Claude's own words on the request.
func (d *drawing) claim() {
	d.p.Claim = d.show(d.input.text("description"))
}

func duration(ms float64) string {
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Millisecond).String()
}

func (d *drawing) read() {
	d.p.Title = "Read a file"
	path, ok := d.input.has("file_path")
	if !ok {
		d.anything()
		return
	}
	d.path("file", path, reading)
	var rows [][2]string
	for _, m := range []struct{ name, says string }{{"offset", "from line"}, {"limit", "lines at most"}, {"pages", "pages"}} {
		var v any
		if d.input.value(m.name, &v) {
			rows = append(rows, [2]string{m.says, fmt.Sprint(v)})
		}
	}
	d.table("which part", rows)
}

func (d *drawing) search() {
	d.p.Title = "Search files"
	pattern, ok := d.input.has("pattern")
	if !ok {
		d.anything()
		return
	}
	d.part("pattern", Code, "", pattern)
	d.summary(pattern)
	if path, ok := d.input.has("path"); ok {
		d.path("in", path, reading)
		d.summary(pattern + " in " + d.short(d.absolute(path)))
	}
}

func (d *drawing) webFetch() {
	d.p.Title = "Fetch a web page"
	address, ok := d.input.has("url")
	if !ok {
		d.anything()
		return
	}
	d.part("address", Code, "", address)
	d.summary(address)
	if prompt, ok := d.input.has("prompt"); ok {
		d.part("what Claude asks of the page", Text, "", prompt)
	}
	d.address(address)
}

func (d *drawing) webSearch() {
	d.p.Title = "Search the web"
	query, ok := d.input.has("query")
	if !ok {
		d.anything()
		return
	}
	d.part("query", Text, "", query)
	d.summary(query)
}

func (d *drawing) agent() {
	d.p.Title = "Start a subagent"
	prompt, ok := d.input.has("prompt")
	if !ok {
		d.anything()
		return
	}
	d.claim()
	kind := d.input.text("subagent_type")
	if kind != "" {
		d.p.Title += ": " + firstLine(d.show(kind))
	}
	if mode := d.input.text("mode"); mode != "" {
		d.table("how", [][2]string{{"permission mode", mode}})
		if mode == "bypassPermissions" || mode == "dontAsk" || mode == "auto" {
			d.warn(modeWithoutAsking, d.say(mode))
		}
	}
	if d.input.is("run_in_background") {
		d.flag(Background)
	}
	d.part("task", Text, "markdown", prompt)
	if d.p.Claim != "" {
		d.p.Summary = firstLine(d.p.Claim)
	} else {
		d.summary(prompt)
	}
}

func (d *drawing) skill() {
	d.p.Title = "Use a skill"
	name := d.input.text("skill")
	if name == "" {
		name = d.input.text("command") // before 2.1: the input had one member
	}
	if name == "" {
		d.anything()
		return
	}
	d.p.Title += ": " + firstLine(d.show(name))
	args := d.input.text("args")
	rows := [][2]string{{"skill", name}}
	if args != "" {
		rows = append(rows, [2]string{"arguments", args})
	}
	d.table("", rows)
	d.summary(strings.TrimSpace(name + " " + args))
}

func (d *drawing) plan() {
	d.p.Title = "Approve a plan"
	plan, ok := d.input.has("plan")
	if ok {
		d.part("plan", Text, "markdown", plan)
		d.summary(strings.TrimLeft(plan, "# \n"))
	} else {
		d.p.Parts = append(d.p.Parts, Part{Kind: Text, Text: "The request does not hold the plan: look at the terminal."})
		d.p.Summary = "a plan that only the terminal shows"
	}
	if file, ok := d.input.has("planFilePath"); ok {
		d.table("", [][2]string{{"plan file", file}})
	}
	prompts, done := d.input.list("allowedPrompts")
	var rows [][2]string
	for _, p := range prompts {
		rows = append(rows, [2]string{p.text("tool"), p.text("prompt")})
	}
	done()
	d.table("the plan asks to be allowed", rows)
}

func (d *drawing) question() {
	questions, done := d.input.list("questions")
	if len(questions) == 0 {
		d.anything()
		return
	}
	d.p.Title = "Answer a question"
	if len(questions) > 1 {
		d.p.Title = fmt.Sprintf("Answer %d questions", len(questions))
	}
	for i, q := range questions {
		label := firstLine(d.show(q.text("header")))
		if len(questions) > 1 {
			label = strings.TrimSpace(fmt.Sprintf("%d of %d %s", i+1, len(questions), label))
		}
		asked := q.text("question")
		if i == 0 {
			d.summary(asked)
		}
		var text strings.Builder
		text.WriteString(asked)
		if q.is("multiSelect") {
			text.WriteString("\n(several answers are possible)")
		}
		options, optionsDone := q.list("options")
		var looks []string
		for n, option := range options {
			fmt.Fprintf(&text, "\n%d. %s", n+1, option.text("label"))
			if says := option.text("description"); says != "" {
				text.WriteString(" — " + says)
			}
			looks = append(looks, option.text("preview"))
		}
		optionsDone()
		d.part(label, Text, "", text.String())
		for n, look := range looks {
			if look != "" {
				d.part(fmt.Sprintf("what answer %d would look like", n+1), Code, "", look)
			}
		}
	}
	done()
}

// mcp describes a tool of an MCP server: mcp__server__tool.
func (d *drawing) mcp() {
	server, tool, ok := strings.Cut(strings.TrimPrefix(d.r.Tool, "mcp__"), "__")
	if !ok {
		d.anything()
		return
	}
	d.p.Title = "Use " + firstLine(d.show(tool)) + " of the MCP server " + firstLine(d.show(server))
	rows := make([][2]string, 0, len(d.input))
	for i := range d.input {
		m := &d.input[i]
		m.used = true
		rows = append(rows, [2]string{m.name, plainJSON(m.value)})
	}
	d.p.Parts = append(d.p.Parts, Part{
		Label: "", Kind: Table,
		Rows: [][2]string{{"server", d.show(server)}, {"tool", d.show(tool)}},
		Text: "server: " + d.show(server) + "\ntool: " + d.show(tool),
	})
	d.table("arguments", rows)
	// The rows as they are shown: their names told what to mask.
	words := []string{d.say(tool)}
	if len(rows) > 0 {
		for _, row := range d.p.Parts[len(d.p.Parts)-1].Rows {
			words = append(words, row[0]+"="+row[1])
		}
	}
	d.p.Summary = inOneLine(words...)
}

// inOneLine is a text that has been through show as a summary.
func inOneLine(words ...string) string {
	return firstLine(strings.Join(strings.Fields(strings.Join(words, " ")), " "))
}

// anything describes what this program knows nothing about: the input whole,
// as JSON.
func (d *drawing) anything() {
	if d.p.Title == "" {
		d.p.Title = "Use " + firstLine(d.show(d.r.Tool))
	}
	for i := range d.input {
		if m := &d.input[i]; m.name == "description" {
			d.p.Claim = d.show(plainJSON(m.value))
		}
		d.input[i].used = true
	}
	d.json("input", d.r.Input)
	for _, name := range []string{"file_path", "path", "url", "query", "command", "pattern", "prompt"} {
		if s, ok := d.input.has(name); ok {
			d.summary(s)
			return
		}
	}
	d.p.Summary = inOneLine(d.p.Parts[len(d.p.Parts)-1].Text)
}

// json adds a part with raw as indented JSON, masked by the names of its
// members.
func (d *drawing) json(label string, raw []byte) {
	before := len(d.found)
	masked := raw
	if !d.original {
		out, found := d.o.Mask.JSON(raw)
		if len(found) > 0 {
			masked = out
			d.know(raw)
		}
		d.found = append(d.found, found...)
	}
	text := indented(masked)
	d.strange = append(d.strange, lookalikes(text, false)...)
	part := Part{Label: label, Kind: Code, Lang: "json", Text: d.revealJSON(text), Bytes: len(raw), SHA256: d.digest(string(raw), before)}
	d.p.Parts = append(d.p.Parts, part)
}

// know takes in the secrets of a document that is not shown as it stands.
func (d *drawing) know(raw []byte) {
	if d.original {
		return
	}
	for _, secret := range d.o.Mask.Secrets(raw) {
		d.remember(secret)
	}
}

// revealJSON reveals text but for the notes that masking left in it. One that
// was in the input would be shown alike; so where the input has the bracket,
// every one is revealed.
func (d *drawing) revealJSON(text string) string {
	draw := revealMasked
	if strings.Contains(string(d.r.Input), "⟨") || strings.Contains(string(d.r.Input), `\u27e8`) || strings.Contains(string(d.r.Input), `\u27E8`) {
		draw = d.reveal
	}
	out, hid := draw(text)
	d.hid += hid
	return out
}
