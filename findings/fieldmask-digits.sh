#!/bin/sh
# A FieldMask that names a field like address_line_1 is valid on the wire and
# cannot be written in JSON (google.golang.org/protobuf 1.36.12): to marshal it
# is an error, so that a gateway or a logger fails on an answer that is right.
# And "addressLine1", which is that field's own name in JSON, is read without an
# error as another path, address_line1, of a field that need not exist.
#
# Names whose underscores stand before digits have no way back from camel case;
# a service whose masks name them can be tested with encoded messages only.
. "$(dirname "$0")/lib.sh"
module google.golang.org/protobuf@v1.36.12 <<'GO'
package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func main() {
	_, err := protojson.Marshal(&fieldmaskpb.FieldMask{Paths: []string{"address_line_1"}})
	fmt.Println("irreversible:", err != nil && strings.Contains(err.Error(), "irreversible"))
	m := new(fieldmaskpb.FieldMask)
	err = protojson.Unmarshal([]byte(`"addressLine1"`), m)
	fmt.Println(m.GetPaths(), err)
}
GO
same 'to JSON' "$(./main.bin | head -1)" 'irreversible: true'
same 'from "addressLine1"' "$(./main.bin | tail -1)" '[address_line1] <nil>'
