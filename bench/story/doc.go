// Package story tells of the smallest part found of a history that breaks a
// promise: in words that a person can follow, and as a space-time diagram.
package story
