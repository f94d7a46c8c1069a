package terminal

import "os"

// alive: FindProcess opened the process, which fails once it has ended.
func alive(p *os.Process) bool {
	again, err := os.FindProcess(p.Pid)
	if err != nil {
		return false
	}
	_ = again.Release()
	return true
}
