// Package systems is the contract between the systems on the bench and the
// engine that drives them.
//
// A system is a value of type [System]: its roles (what runs in a process of
// its own), its commands (what a person types), its knobs (what a sweep may
// vary), its metrics (what a trial reports) and one function, Trial, that
// measures one cell and proves the answers right. What a trial needs from the
// engine reaches it as a [Bench].
//
// The package imports internal/record only, so that systems and engine can
// both stand on it. Package systems/all lists every system; package
// systems/systemtest is the suite that each of them passes.
package systems
