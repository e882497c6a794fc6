package echo

import (
	"encoding/base64"
	"slices"

	"dyno/bench/driver"
	"dyno/bench/rival"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// withFortio offers fortio besides: it is driven by a program of module rivals.
func withFortio(knobs systems.Knobs) systems.Knobs {
	for i := range knobs {
		if k := &knobs[i]; k.Name == driver.KnobDriver {
			k.Type = append(slices.Clone(driver.All), driver.Fortio)
			k.Help += "; or fortio, if its program is built"
		}
	}
	return knobs
}

// launch is the generator that the knobs name.
func launch(set systems.Setting, v systems.Values, server string) (systems.Launch, error) {
	if v.Text(driver.KnobDriver) != driver.Fortio {
		return driver.Launch(set, v, append(v.Args(knobPayload), "--server", server), v.Args(knobMutant, knobLie)), nil
	}
	l := driver.Launch(set, v, []string{"--server", server}, nil)
	program, err := rival.FindClient()
	if err != nil {
		return l, err
	}
	// Its payload is ghz's: the same in every call.
	request, err := driver.Encode(&echov1.EchoRequest{Payload: newCaller(nil, 0, v.Int(knobPayload), set.Seed).payload})
	if err != nil {
		return l, err
	}
	l.Args = slices.Concat([]string{"--", program, driver.Fortio}, l.Args, []string{
		"--method", echov1.EchoService_Echo_FullMethodName, "--request", base64.StdEncoding.EncodeToString(request),
	})
	return l, nil
}
