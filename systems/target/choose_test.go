package target

import (
	"testing"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// What may change something is not called unasked, however its name begins.
func TestRank(t *testing.T) {
	for name, want := range map[string]bool{
		"Get": true, "GetPrice": true, "get_price": true, "getPrice": true, "ListUsers": true, "GetURL": true, "Check": true,
		"Delete": false, "UnaryCall": false, "Getaway": false, "Listen": false, "Checkout": false, "CheckOut": false,
		"GetAndDelete": false, "ReadModifyWrite": false, "FindOrCreate": false, "get_and_reset": false, "GetNextJob": false,
		"GETPrice": true, "ReadDBWrite": false, "GetIDSet": false, "GetURLAndDELETE": false, "_": false,
	} {
		if m := declared(t, name, nil); m.rank() < unsafe != want {
			t.Errorf("%s: rank %d, want one that is called: %v", name, m.rank(), want)
		}
	}
	pure, again := descriptorpb.MethodOptions_NO_SIDE_EFFECTS, descriptorpb.MethodOptions_IDEMPOTENT
	if m := declared(t, "Price", &pure); m.rank() != 0 {
		t.Errorf("declared to have no side effects: %d", m.rank())
	}
	if m := declared(t, "Delete", &again); m.rank() != unsafe {
		t.Errorf("a second call changes no more than the first, but that does: %d", m.rank())
	}
}

func declared(t *testing.T, name string, level *descriptorpb.MethodOptions_IdempotencyLevel) *method {
	t.Helper()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("x.proto"), Syntax: new("proto3"), MessageType: []*descriptorpb.DescriptorProto{{Name: new("M")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("S"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: &name, InputType: new(".M"), OutputType: new(".M"), Options: &descriptorpb.MethodOptions{IdempotencyLevel: level},
		}}}},
	}, new(protoregistry.Files))
	if err != nil {
		t.Fatal(err)
	}
	return &method{MethodDescriptor: file.Services().Get(0).Methods().Get(0)}
}
