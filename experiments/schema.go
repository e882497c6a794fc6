package experiments

import (
	"maps"
	"reflect"
	"slices"

	"dyno/internal/record"
	"dyno/systems"
)

// object is a piece of JSON Schema.
type object = map[string]any

// Schema describes experiment files as JSON Schema (draft 2020-12), for editors:
// the keys are those that [Catalog.Read] takes, the knobs and their levels those
// of each system. Reading is stricter.
func (c Catalog) Schema() map[string]any {
	s := c.structure(reflect.TypeFor[record.Experiment]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "An experiment of dyno"
	s["required"] = []string{"name", "title", "question", "system", "load", "core", "scales"}
	keys := s["properties"].(object)
	var names []string
	var systemRules []any
	for _, sys := range c.Systems {
		names = append(names, sys.Name)
		systemRules = append(systemRules, object{
			"if":   object{"properties": object{"system": object{"const": sys.Name}}, "required": []string{"system"}},
			"then": object{"properties": knobRules(sys)},
		})
	}
	s["allOf"] = systemRules
	keys["system"] = object{"enum": names}
	scale := c.structure(reflect.TypeFor[record.Scale]())
	scales := object{}
	for _, name := range Scales {
		scales[name] = scale
	}
	keys["scales"] = object{"type": "object", "properties": scales, "additionalProperties": false}
	loads := keys["load"].(object)["properties"].(object)
	loads["loop"] = object{"enum": record.Loops}
	figures := keys["figures"].(object)["items"].(object)["properties"].(object)
	figures["kind"] = object{"enum": slices.Sorted(maps.Keys(c.FigureKinds))}
	claims := keys["claims"].(object)["items"].(object)["properties"].(object)
	claims["scale"] = object{"enum": []string{deep}}
	for key, text := range keyHelp {
		keys[key].(object)["description"] = text
	}
	return s
}

// keyHelp says what the keys of a file are for; docs/experiment-files.md says more.
var keyHelp = map[string]string{
	"name": "equal to the file's name", "title": "one line", "question": "one sentence that the experiment answers",
	"system": "dyno list shows all", "flagship": "part of dyno run --scale quick", "load": "closed, open, search or swept",
	"knobs": "fixed for all cells", "core": "sweeps, each a cross product; every block runs all of their cells",
	"detail": "cells that fewer blocks run", "scales": "how much to run: quick, full, deep", "figures": "plots",
	"tables": "a row for each combination of knobs", "claims": "hypotheses, written before the run",
	"controls": "cells broken on purpose, which the checks must find", "peers": "rows of the page on others' software",
	"impl": "programs of others in place of roles", "max-failures": "share of operations that may fail, such as 2%",
	"placement": "which of several machines runs which role",
}

// knobRules are the keys of a file that name knobs of a system.
func knobRules(s *systems.System) object {
	one, many, sweep := object{}, object{}, object{}
	for _, k := range s.Knobs {
		level := levelRule(k)
		one[k.Name] = level
		many[k.Name] = object{"type": "array", "items": level}
		sweep[k.Name] = object{"type": "array", "items": level, "minItems": 1, "description": level["description"]}
	}
	// What is not a system's knob: the label of an implementation.
	for _, keys := range []object{one, many, sweep} {
		keys["impl"] = object{}
	}
	closed := func(keys object) object {
		return object{"type": "object", "properties": keys, "additionalProperties": false}
	}
	list := func(of object) object { return object{"type": "array", "items": closed(of)} }
	within := func(keys ...object) object {
		all := object{}
		for _, k := range keys {
			maps.Copy(all, k)
		}
		return object{"items": object{"properties": all}}
	}
	where := object{"where": closed(one), "over": closed(one)}
	return object{
		"knobs": closed(one), "core": list(sweep), "detail": list(sweep),
		"figures": within(object{"where": closed(many)}), "tables": within(object{"where": closed(many)}),
		"claims": within(where), "peers": within(where), "controls": within(where, object{"knobs": closed(one)}),
	}
}

// levelRule is what an editor can check of a level; [systems.Knob] checks the rest.
func levelRule(k systems.Knob) object {
	rule := object{"description": k.Help + " (" + k.Type.Allowed() + "; default " + k.Default + ")"}
	switch t := k.Type.(type) {
	case systems.Choice:
		rule["enum"] = []string(t)
	case systems.Switch:
		rule["enum"] = []any{"on", "off", true, false} // YAML 1.1 reads on as true
	case systems.Int:
		rule["type"], rule["minimum"], rule["maximum"] = []string{"integer", "string"}, t.Min, t.Max
	case systems.Float:
		rule["type"], rule["minimum"], rule["maximum"] = []string{"number", "string"}, t.Min, t.Max
	default:
		rule["type"] = []string{"string", "number"}
	}
	return rule
}

// structure turns a type that files are read into to the rule that fits it.
func (c Catalog) structure(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[record.Seconds]():
		// As time.ParseDuration reads it.
		span := object{"type": "string", "pattern": `^\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`}
		return object{"anyOf": []object{span, {"const": 0}}}
	case reflect.TypeFor[record.Share]():
		return object{"type": "string", "pattern": `%\s*$`}
	case reflect.TypeFor[record.Impls]():
		return object{"type": "object"}
	case reflect.TypeFor[record.Sweep]():
		return object{"type": "object", "minProperties": 1}
	case reflect.TypeFor[record.Placement]():
		machines := object{"type": "array", "items": object{"type": "integer", "minimum": 1}, "minItems": 1}
		return object{"anyOf": []object{{"enum": record.Placements}, {"type": "object", "additionalProperties": machines}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.structure(t.Elem())
	case reflect.Struct:
		keys := object{}
		for field := range t.Fields() {
			if tag := field.Tag.Get("yaml"); tag != "" && tag != "-" {
				keys[tag] = c.structure(field.Type)
			}
		}
		return object{"type": "object", "properties": keys, "additionalProperties": false}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": c.structure(t.Elem())}
	case reflect.Slice:
		return object{"type": "array", "items": c.structure(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	}
	return object{"type": []string{"string", "number", "boolean"}}
}
