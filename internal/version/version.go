// Package version holds the version of both programs, in one place. It links
// nothing, for the hook's sake.
package version

// Number is the release that this tree becomes. A build for a release or a
// package sets it to what git says (packaging/main.go).
var Number = "0.1.0"
