package trial

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/systems"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/load"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// The knobs of trials, beside those of the load.
const (
	KnobBanks     = "banks"
	KnobPrepare   = "prepare-timeout"
	KnobProtect   = "protection"
	KnobCompact   = "compact-every"
	KnobDelay     = "bank-delay"
	KnobFailpoint = "failpoint"
	KnobDown      = "down"
	KnobKill      = "kill-every"
	KnobOutage    = "outage"
	KnobForge     = "forge"
	KnobLie       = "lie"
)

// Knobs are those of strife.
var Knobs = slices.Concat(driver.Knobs("poisson"), load.Knobs(), systems.Knobs{
	{Name: KnobBanks, Default: "2", Type: systems.Int{Min: 1, Max: 8}, Help: "banks; with more than one, each payment is between two of them"},
	{
		Name: KnobPrepare, Default: "1s", Type: systems.Duration{Min: time.Millisecond, Max: time.Minute},
		Help: "how long banks have for their votes before a payment is aborted",
	},
	{
		Name: KnobProtect, Default: string(security.Full), Type: protections(),
		Help: "full: TLS, sessions, rules, limits and logs; tls: certificates alone; none: plain text, and callers are believed",
	},
	{
		Name: KnobDelay, Default: "0s", Type: systems.Duration{Min: 0, Max: 2 * time.Second},
		Help: "what each message between the gateway and the first bank, alpha, is held back, each way",
	},
	{
		Name: KnobCompact, Default: "1048576", Type: systems.Int{Min: 1000, Max: 1 << 30},
		Help: "records of a journal that a snapshot replaces once there are so many, while payments go on",
	},
	inject.Knob,
	{
		Name: KnobFailpoint, Breaks: true,
		Type: systems.Text{What: `"gateway NAME:COUNT" or "BANK NAME:COUNT", or nothing`, Check: parseFailpoint},
		Help: "where a server dies in each of its lives, and at which passing",
	},
	{
		Name: KnobDown, Default: "100ms", Type: systems.Duration{Min: 0, Max: 30 * time.Second},
		Help: "how long a server stays down that has died at a failpoint",
	},
	{
		Name: KnobKill, Default: "0s", Breaks: true, Type: systems.Duration{Min: 0, Max: time.Minute},
		Help: "mean time between a random server's return and the kill of the next one; 0s: none is killed",
	},
	{
		Name: KnobOutage, Default: "0s", Breaks: true, Type: systems.Duration{Min: 0, Max: 30 * time.Second},
		Help: "the gateway is away for so long, and users pay into their offline queues meanwhile; 0s: the load, and no queues",
	},
	{Name: KnobQueued, Default: "10", Type: systems.Int{Min: 1, Max: 900}, Help: "payments that each user queues in an outage"},
	{
		Name: KnobForge, Default: forgeNone, Type: systems.Choice(forgeries),
		Help: "what is falsified on purpose in what is judged, for the checks to find; none: nothing",
	},
	{
		Name: KnobLie, Default: lie.None, Type: systems.Choice{lie.None, lie.FasterRate, lie.HalvedCPU},
		Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing",
	},
})

func protections() (all systems.Choice) {
	for _, p := range security.Protections {
		all = append(all, string(p))
	}
	return all
}

func parseFailpoint(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	who, point, ok := strings.Cut(text, " ")
	name, count, counted := strings.Cut(point, ":")
	if !ok || !counted || who == "" || !slices.Contains(failpoint.All, name) {
		return "", fmt.Errorf("the points are %s", strings.Join(failpoint.All, ", "))
	}
	if n, err := strconv.Atoi(count); err != nil || n < 1 {
		return "", fmt.Errorf("%q: a count is a whole number from 1", count)
	}
	if (who == "gateway") != strings.HasPrefix(name, "gateway.") {
		return "", fmt.Errorf("%s never passes %s: the point's name begins with whose it is", who, name)
	}
	return text, nil
}

// mostUsers bounds how many there are; the clients of the loop share them.
const mostUsers = 128

// users is how many users there are: at least two at each bank.
func users(v systems.Values) int {
	return max(2*v.Int(KnobBanks), min(v.Int(driver.KnobClients), mostUsers))
}

// schedule is what goes wrong: the faults, and the delay of a bank.
func schedule(v systems.Values) string {
	text := v.Text(inject.Knob.Name)
	if d := v.Duration(KnobDelay); d > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s; delay gateway<->alpha=%v@0s", text, d), "; ")
	}
	return text
}

// checkNames refuses faults and a failpoint of somebody who is not there.
func checkNames(v systems.Values) error {
	servers := append(site.BankNames(v.Int(KnobBanks)), "gateway")
	ground := inject.Ground{Processes: servers, Links: append(inject.Pairs(servers...), [2]string{"load", "gateway"})}
	if err := ground.Check(schedule(v)); err != nil {
		return fmt.Errorf("strife: %w", err)
	}
	text := v.Text(KnobFailpoint)
	if who, _, ok := strings.Cut(text, " "); ok && !slices.Contains(servers, who) {
		return systems.Usagef("strife: failpoint %q: server %w; knob %s says how many banks there are", text,
			&systems.ChoiceError{Word: who, Allowed: servers}, KnobBanks)
	}
	return nil
}

// Check refuses what would not be measured.
func Check(set systems.Setting, v systems.Values) error {
	if err := checkNames(v); err != nil {
		return err
	}
	if v.Duration(KnobOutage) > 0 {
		if blind(set) {
			return errors.New("strife: an outage is judged by the journals of gateway and banks: nothing can stand in for them")
		}
		return nil
	}
	if k := v.Text(driver.KnobDriver); k != driver.Closed && k != driver.Open {
		return errors.New("strife: the drivers are closed and open")
	}
	if err := driver.Measurable(set, v); err != nil {
		return fmt.Errorf("strife: %w", err)
	}
	return nil
}

// Overhead estimates what a trial takes beside its window: servers start, what
// was paid is audited, which is more with more users, and an outage ends.
func Overhead(v systems.Values) time.Duration {
	return 350*time.Millisecond + time.Duration(v.Int("clients"))*12*time.Millisecond + v.Duration(KnobOutage)
}
