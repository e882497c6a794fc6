// Package arch holds no code: its test says which room may import which, and
// why, and that functions and files stay short. A failure names the import and
// the reason for the rule.
package arch
