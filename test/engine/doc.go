// Package engine runs real Docker Engines for tests, each private: its own namespaces, folder and
// containerd, so that several run side by side and beside the machine's own, and nothing stays behind.
//
//	e := engine.Start(t, engine.Options{
//		Version: engine.Newest,
//		Caisson: &engine.CaissonOptions{Policy: policy},
//	})
//	answer, err := e.Do("POST", "/v1.41/containers/create", header, body)
//
// The engines come from "make engines"; test/engines/private-dockerd says how one is kept private.
// An engine shared by several tests must not be tied to one of them, so everything but Start returns
// errors instead of ending the test.
//
// What an engine did is best asked of Engine.Containers, which reads the engine's own files: the answer
// does not pass through the plugin under test.
package engine
