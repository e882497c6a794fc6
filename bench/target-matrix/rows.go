package main

// row is one kind of service.
type row struct {
	name   string
	proto  string    // what it is described by; Svc/Echo answers what it is asked
	extra  string    // another file, common/extra.proto, that proto imports
	method string    // of pkg.Svc
	data   string    // the request in protobuf's JSON form
	other  string    // the same as ghz and grpcurl want it written; empty: alike
	give   string    // how the tools learn of it: "" by reflection, "file", "absolute", "protoset"
	answer string    // of reflection: "" v1 and v1alpha; "old": v1alpha only, v1 refused with code
	code   uint32    // of that refusal
	era    int       // another edition of the descriptor
	listen string    // "", "unix", "ipv6"
	tls    string    // "", "server", "mutual"
	meta   [2]string // to be sent: a key and its value, in base64 for keys in -bin
	host   string    // the :authority that it wants
	gzip   bool      // it wants compressed requests
	big    int       // it answers with a text of so many bytes
}

const plain = `syntax = "proto3"; package shop.v1;
message Item { string text = 1; int64 id = 2; repeated string tags = 3; }
service Shop { rpc Echo(Item) returns (Item); rpc Down(Item) returns (stream Item);
  rpc Up(stream Item) returns (Item); rpc Both(stream Item) returns (stream Item); }`

// wellKnown is a service whose messages are one of protobuf's own.
func wellKnown(file, message string) string {
	return `syntax = "proto3"; package shop.v1; import "google/protobuf/` + file + `.proto";
service Shop { rpc Echo(google.protobuf.` + message + `) returns (google.protobuf.` + message + `); }`
}

const (
	one = `{"text":"a","id":"7","tags":["x"]}`

	mixed = `syntax = "proto3"; package shop.v1; import "google/protobuf/field_mask.proto"; import "google/protobuf/wrappers.proto";
enum Card { NONE = 0; HEARTS = 1; }
message Hand { map<string, Card> cards = 1; oneof rest { int64 left = 2; string note = 3; } bytes blob = 4; double weight = 5;
  optional bool open = 6; google.protobuf.FieldMask mask = 7; google.protobuf.Int64Value limit = 8; }
service Shop { rpc Echo(Hand) returns (Hand); }`

	required = `syntax = "proto2"; package shop.v1; message Item { required string text = 1; optional int32 n = 2 [default = 5];
extensions 100 to 199; optional group Part = 3 { optional string name = 1; } } extend Item { optional string tag = 100; }
service Shop { rpc Echo(Item) returns (Item); }`

	declared = `syntax = "proto2"; package shop.v1; message Item { optional string text = 1;
extensions 100 to 199 [verification = DECLARATION, declaration = { number: 100, full_name: ".shop.v1.tag", type: "string" }]; }
service Shop { rpc Echo(Item) returns (Item); }`

	edition = `edition = "2023"; package shop.v1; message Item { string text = 1; int32 n = 2 [features.field_presence = IMPLICIT]; }
service Shop { rpc Echo(Item) returns (Item); }`

	packed = `syntax = "proto3"; package shop.v1; import "google/protobuf/any.proto"; message Money { int64 cents = 1; }
message Item { google.protobuf.Any detail = 1; } service Shop { rpc Echo(Item) returns (Item); }`

	imports = `syntax = "proto3"; package shop.v1; import "common/extra.proto"; message Item { common.Money price = 1; }
service Shop { rpc Echo(Item) returns (Item); }`

	nameless = `syntax = "proto3"; message Item { string text = 1; } service Shop { rpc Echo(Item) returns (Item); }`
)

// rows are thirty kinds of service and proto.
var rows = []row{
	{name: "reflection v1", proto: plain, data: one},
	{name: "reflection v1alpha only, v1 Unimplemented", proto: plain, data: one, answer: "old", code: 12},
	{name: "reflection v1alpha only, v1 Unavailable", proto: plain, data: one, answer: "old", code: 14},
	{name: "reflection v1alpha only, v1 NotFound", proto: plain, data: one, answer: "old", code: 5},
	{name: "proto file from an import path", proto: plain, data: one, give: "file"},
	{name: "proto file by its absolute path", proto: plain, data: one, give: "absolute"},
	{
		name: "proto file that imports another", proto: imports, extra: `syntax = "proto3"; package common; message Money { int64 cents = 1; }`,
		data: `{"price":{"cents":"5"}}`, give: "file",
	},
	{name: "protoset", proto: plain, data: one, give: "protoset"},
	{name: "no package", proto: nameless, data: `{"text":"a"}`, method: "Shop/Echo"},
	{name: "edition 2023 by reflection", proto: edition, data: `{"text":"a","n":3}`},
	{name: "edition 2023 by proto file", proto: edition, data: `{"text":"a","n":3}`, give: "file"},
	{name: "edition 2024 by reflection", proto: edition, data: `{"text":"a","n":3}`, era: 1001},
	{name: "edition 2024 by proto file", proto: edition, data: `{"text":"a","n":3}`, era: 1001, give: "file"},
	{name: "proto2: required, group, default", proto: required, data: `{"text":"a","part":{"name":"b"}}`},
	{name: "proto2: extension in the request", proto: required, data: `{"text":"a","[shop.v1.tag]":"t"}`},
	{name: "extension declarations in a proto file", proto: declared, data: `{"text":"a"}`, give: "file"},
	{name: "Any of the service's own type", proto: packed, data: `{"detail":{"@type":"type.googleapis.com/shop.v1.Money","cents":"5"}}`},
	{
		name: "map, oneof, enum, wrapper, bytes, double", proto: mixed,
		data: `{"cards":{"a":"HEARTS"},"left":"9","blob":"AP8=","weight":0.5,"open":false,"limit":"3"}`,
	},
	{name: "FieldMask in a message", proto: mixed, data: `{"mask":"left,weight"}`, other: `{"mask":{"paths":["left","weight"]}}`},
	{name: "StringValue as request", proto: wellKnown("wrappers", "StringValue"), data: `"hello"`},
	{name: "Timestamp as request", proto: wellKnown("timestamp", "Timestamp"), data: `"2026-01-02T03:04:05Z"`},
	{name: "Struct as request", proto: wellKnown("struct", "Struct"), data: `{"a":[1,null,{"b":true}]}`},
	{name: "Empty as request", proto: wellKnown("empty", "Empty"), data: `{}`},
	{name: "TLS", proto: plain, data: one, tls: "server"},
	{name: "mutual TLS", proto: plain, data: one, tls: "mutual"},
	{name: "unix socket", proto: plain, data: one, listen: "unix"},
	{name: "IPv6 literal", proto: plain, data: one, listen: "ipv6"},
	{name: "binary metadata and an :authority", proto: plain, data: one, meta: [2]string{"trace-bin", "AP8="}, host: "shop.internal"},
	{name: "compressed requests, answers of 8 MiB", proto: plain, data: one, gzip: true, big: 8 << 20},
	{name: "stream both ways", proto: plain, data: one, method: "shop.v1.Shop/Both"},
}
