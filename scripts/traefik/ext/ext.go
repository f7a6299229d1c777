// Package ext stands for a module that the proxy lacks: places where a fork may add settings.
package ext

// HTTP adds nothing.
type HTTP struct{}

// Router adds nothing.
type Router struct{}
