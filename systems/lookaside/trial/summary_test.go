package trial

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestSummaryKeysKeepTheirOrder(t *testing.T) {
	var b bytes.Buffer
	if err := (&Summary{Servers: []serverSummary{{ID: "s1"}}}).PrintJSON(&b); err != nil {
		t.Fatal(err)
	}
	want := `{"policy":"","clients":0,"sent":0,"ok":0,"refused":0,"failed":0,"unknown":0,"throughput":0,"p50_ms":0,"p99_ms":0,` +
		`"jain_requests":0,"jain_busy":0,"servers":[{"id":"s1","capacity":0,"requests":0,"busy_s":0,"cpu_s":0,"max_in_flight":0}]}` + "\n"
	if b.String() != want {
		t.Errorf("JSON\n%swant\n%s", b.String(), want)
	}
	var back Summary
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !reflect.DeepEqual(back.Servers, []serverSummary{{ID: "s1"}}) {
		t.Errorf("%+v, %v", back, err)
	}
}
