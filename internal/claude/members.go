package claude

import "encoding/json"

// members are what is left of a JSON object.
type members map[string]json.RawMessage

// read takes the members that fields name out of the object raw, each into its
// pointer, and returns the others. Names count as they are written, unlike with
// encoding/json's structs: Claude Code tells "rules" and "Rules" apart, and so
// must what is shown of them.
func read(raw []byte, fields map[string]any) (others members, err error) {
	if err := json.Unmarshal(raw, &others); err != nil {
		return nil, err
	}
	for name, into := range fields {
		if value, ok := others[name]; ok {
			if err := json.Unmarshal(value, into); err != nil {
				return nil, err
			}
			delete(others, name)
		}
	}
	return others, nil
}
