package target

import (
	"errors"
	"io"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"
)

// stream sends each answer three times, where there is one request; else as many
// answers as requests, or the last as the only one.
func (o *odd) stream(md protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	if !md.IsStreamingClient() {
		m, err := o.take(stream)
		for i := 0; i < 3 && err == nil; i++ {
			err = stream.SendMsg(m)
		}
		return err
	}
	last := new(emptypb.Empty)
	for {
		m, err := o.take(stream)
		switch {
		case errors.Is(err, io.EOF) && !md.IsStreamingServer():
			return stream.SendMsg(last)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		last = m
		for i := 0; md.IsStreamingServer() && i < 1+o.more; i++ {
			if err := stream.SendMsg(m); err != nil {
				return err
			}
		}
	}
}

// take keeps a request, and returns the answer to it.
func (o *odd) take(stream grpc.ServerStream) (*emptypb.Empty, error) {
	// To a message without fields everything is unknown, and kept as it came.
	m := new(emptypb.Empty)
	if err := stream.RecvMsg(m); err != nil {
		return nil, err
	}
	path, _ := grpc.MethodFromServerStream(stream)
	md, _ := metadata.FromIncomingContext(stream.Context())
	from, _ := peer.FromContext(stream.Context())
	o.mu.Lock()
	defer o.mu.Unlock()
	o.came = append(o.came, arrival{method: path, bytes: slices.Clone(m.ProtoReflect().GetUnknown()), md: md.Copy(), from: from})
	if o.answer != nil {
		m.ProtoReflect().SetUnknown(o.answer)
	}
	return m, nil
}
