package tomledit

import (
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

func TestApply(t *testing.T) {
	channel := Edit{Table: "slack", Key: "channel", Value: "U0ALICE"}
	for _, test := range []struct {
		name, before string
		edit         Edit
		after        string
	}{
		{"an empty file", "", channel, "[slack]\nchannel = \"U0ALICE\"\n"},
		{"comments only", "# mine\n", channel, "# mine\n\n[slack]\nchannel = \"U0ALICE\"\n"},
		{"no line end at the end", "[web]\nlisten = \"off\"", channel, "[web]\nlisten = \"off\"\n\n[slack]\nchannel = \"U0ALICE\"\n"},
		{"the same", "[slack]\nchannel='U0ALICE'", channel, "[slack]\nchannel='U0ALICE'"},
		{"another value", "[slack] # s\n  channel  =  'U1' # was me\nthreads = true\n", channel, "[slack] # s\n  channel  =  \"U0ALICE\" # was me\nthreads = true\n"},
		{"a new key in its table", "[slack]\n\tthreads = true # t\n\n# of the page\n[web]\nlisten = \"off\"\n", channel,
			"[slack]\n\tthreads = true # t\n\tchannel = \"U0ALICE\"\n\n# of the page\n[web]\nlisten = \"off\"\n"},
		{"an empty table", "[slack]\n[web]\n", channel, "[slack]\nchannel = \"U0ALICE\"\n[web]\n"},
		{"an empty table at the end", "[slack]", channel, "[slack]\nchannel = \"U0ALICE\"\n"},
		{"lines that end as on Windows", "[slack]\r\nthreads = true\r\n", channel, "[slack]\r\nthreads = true\r\nchannel = \"U0ALICE\"\r\n"},
		{"a mark at the start", "\ufeff[slack]\n", channel, "\ufeff[slack]\nchannel = \"U0ALICE\"\n"},
		{"dotted keys", "slack.threads = true\n[web]\nlisten = \"off\"\n", channel, "slack.threads = true\nslack.channel = \"U0ALICE\"\n[web]\nlisten = \"off\"\n"},
		{"a dotted key itself", "slack.channel = 'x' #\n", channel, "slack.channel = \"U0ALICE\" #\n"},
		{"quoted keys", "[ \"slack\" ]\n'channel' = \"x\"\n", channel, "[ \"slack\" ]\n'channel' = \"U0ALICE\"\n"},
		{"the key's look-alikes", "# [slack]\n# channel = \"no\"\n[web]\nlisten = \"\"\"\n[slack]\nchannel = 1\n\"\"\"\n[slack]\nchannel = 'x'\n", channel,
			"# [slack]\n# channel = \"no\"\n[web]\nlisten = \"\"\"\n[slack]\nchannel = 1\n\"\"\"\n[slack]\nchannel = \"U0ALICE\"\n"},
		{"a list of several lines", "[slack]\nallowed_users = [ # who\n  \"U1\", # ] one\n  'U]2',\n]\nthreads = true\n",
			Edit{Table: "slack", Key: "allowed_users", Value: []string{"U3", "U\"4\\"}}, "[slack]\nallowed_users = [\"U3\", \"U\\\"4\\\\\"]\nthreads = true\n"},
		{"taken away", "[slack]\n# the token\nbot_token = \"x\" # secret\nthreads = true\n", Edit{Table: "slack", Key: "bot_token"},
			"[slack]\n# the token\nthreads = true\n"},
		{"made a comment", "[slack]\nallowed_users = [\n  \"U1\",\n]\nthreads = true\n", Edit{Table: "slack", Key: "allowed_users", Comment: true},
			"[slack]\n# allowed_users = [\n#   \"U1\",\n# ]\nthreads = true\n"},
		{"taken away, not there", "[web]\n", Edit{Table: "slack", Key: "bot_token"}, "[web]\n"},
		{"a bool", "[slack]\nthreads = false\n", Edit{Table: "slack", Key: "threads", Value: true}, "[slack]\nthreads = true\n"},
		{"an array of tables before", "[[other.list]]\nchannel = 1\n[slack]\nchannel = 'x'\n", channel, "[[other.list]]\nchannel = 1\n[slack]\nchannel = \"U0ALICE\"\n"},
		{"a table within", "[slack.more]\nchannel = 1\n", channel, "[slack.more]\nchannel = 1\n\n[slack]\nchannel = \"U0ALICE\"\n"},
		{"quotes at a string's end", "[slack]\nnote = \"\"\"a\"\"\"\"\"\nchannel = 'x'\n", channel, "[slack]\nnote = \"\"\"a\"\"\"\"\"\nchannel = \"U0ALICE\"\n"},
		{"control characters", "", Edit{Table: "slack", Key: "channel", Value: "a\nb\x7f"}, "[slack]\nchannel = \"a\\u000Ab\\u007F\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			after, err := Apply(test.before, test.edit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.after, after); diff != "" {
				t.Error(diff)
			}
			if again, err := Apply(after, test.edit); err != nil || again != after {
				t.Errorf("the second time: %v\n%s", err, again)
			}
		})
	}
}

// TestRefuses: what it cannot do without harm it does not do, and it says
// nothing of what stands in the file.
func TestRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"no TOML", "[slack]\nchannel = very-secret\n", "line 2"},
		{"an inline table", "slack = { channel = \"very-secret\" }\n", "slack.channel"},
		{"an array of tables", "[[slack]]\nchannel = \"very-secret\"\n", "slack.channel"},
	} {
		t.Run(test.name, func(t *testing.T) {
			after, err := Apply(test.text, Edit{Table: "slack", Key: "channel", Value: "U0ALICE"})
			if err == nil {
				t.Fatalf("it makes %q", after)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "very-secret") {
				t.Error(err)
			}
		})
	}
}

// FuzzApply: whatever the file, it is refused or says afterwards exactly what it
// said before and the edit.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{
		"", "[slack]\nchannel = 'x' # y\n", "slack.channel = \"\"\"\n#\"\"\"", "[[a]]\nb=[[1],[2] #]\n]\n[slack]", "\ufeff[slack]\r\n",
		"slack = {channel = 1}", "a = '''\n[slack]\n'''\n[ slack . more ]\nx = 2020-01-01", "[slack]\n\"chan\\u006eel\" = 1",
	} {
		f.Add(seed, "U0ALICE")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		if strings.ToValidUTF8(value, "") != value {
			return
		}
		after, err := Apply(text, Edit{Table: "slack", Key: "channel", Value: value}, Edit{Table: "slack", Key: "gone", Comment: true})
		if err != nil {
			return
		}
		var want, got map[string]any
		if _, err := toml.Decode(text, &want); err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		if _, err := toml.Decode(after, &got); err != nil {
			t.Fatalf("%q became %q: %v", text, after, err)
		}
		table, _ := got["slack"].(map[string]any)
		if table["channel"] != value {
			t.Fatalf("%q became %q", text, after)
		}
		had, _ := want["slack"].(map[string]any)
		delete(table, "channel")
		delete(had, "channel")
		delete(had, "gone")
		if len(table) == 0 && len(had) == 0 {
			delete(got, "slack")
			delete(want, "slack")
		}
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q", text, after)
		}
	})
}
