package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// billOfMaterials writes which modules are in the programs, by what the
// programs themselves say ("go version -m"), in CycloneDX 1.5.
func (r *release) billOfMaterials() error {
	modules := make(map[string]*debug.Module)
	goVersion := ""
	for _, t := range targets {
		for _, program := range []string{name, hook} {
			info, err := buildinfo.ReadFile(r.bin(t, program))
			if err != nil {
				return fmt.Errorf("cannot read what %s is made of: %w", program, err)
			}
			goVersion = info.GoVersion
			for _, m := range info.Deps {
				if m.Replace != nil {
					m = m.Replace
				}
				modules[m.Path+"@"+m.Version] = m
			}
		}
	}
	text, err := json.MarshalIndent(r.materials(modules, goVersion), "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write the bill of materials: %w", err)
	}
	return r.write(name+"_"+r.version+".cdx.json", append(text, '\n'))
}

// component is one of CycloneDX.
type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl,omitempty"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

func (r *release) materials(modules map[string]*debug.Module, goVersion string) any {
	components := []component{{Type: "library", Ref: "std", Name: "std", Version: strings.TrimPrefix(goVersion, "go"), PURL: "pkg:golang/std@" + strings.TrimPrefix(goVersion, "go")}}
	for key, m := range modules {
		c := component{Type: "library", Ref: key, Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + key}
		// "h1:" is a SHA-256 over the module's files.
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == 32 {
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}}
		}
		components = append(components, c)
	}
	slices.SortFunc(components, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	refs := make([]string, len(components))
	for i, c := range components {
		refs[i] = c.Ref
	}
	own := name + "@" + r.version
	return map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
		"metadata": map[string]any{
			"timestamp": r.when.Format("2006-01-02T15:04:05Z"),
			"component": component{Type: "application", Ref: own, Name: name, Version: r.version},
		},
		"components":   components,
		"dependencies": []any{map[string]any{"ref": own, "dependsOn": refs}},
	}
}
