package slacktest_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Close waits for everything, and the tests close all they open.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
