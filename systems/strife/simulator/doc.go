// Package simulator hunts the cores of a gateway, of banks and of clients' queues
// in the simulator, with their journals on simulated disks: it has tests only.
// What is right is for package check to say.
package simulator
