package cluster

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// dns answers for the pods behind headless Services, POD.SERVICE.NAMESPACE.svc.
// cluster.local and SERVICE.…, as a cluster's own server does: it asks the API at
// every question, and caches nothing.
type dns struct {
	conn   net.PacketConn
	client *http.Client
}

func startDNS() (*dns, error) {
	conn, err := net.ListenPacket("udp", home+":53")
	if err != nil {
		return nil, err
	}
	d := &dns{conn: conn, client: &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // its own, over a bridge of this machine
	}}
	go d.serve()
	return d, nil
}

func (d *dns) serve() {
	packet := make([]byte, 1500)
	for {
		n, from, err := d.conn.ReadFrom(packet)
		if err != nil {
			return // closed
		}
		var m dnsmessage.Message
		if m.Unpack(packet[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		if answer, err := d.answer(m).Pack(); err == nil {
			_, _ = d.conn.WriteTo(answer, from) // who asked asks again
		}
	}
}

func (d *dns) answer(m dnsmessage.Message) *dnsmessage.Message {
	q := m.Questions[0]
	m.Response, m.Authoritative, m.RecursionAvailable, m.Additionals = true, true, true, nil
	name, ok := strings.CutSuffix(q.Name.String(), ".svc.cluster.local.")
	if !ok {
		m.RCode = dnsmessage.RCodeNameError
		return &m
	}
	found := d.lookup(strings.Split(name, "."))
	if len(found) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range found {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: a.As4()},
			})
		}
	}
	return &m
}

// endpointSlices is what is read of a list of EndpointSlices.
type endpointSlices struct {
	Items []struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Endpoints []struct {
			Addresses []string `json:"addresses"`
			Hostname  string   `json:"hostname"`
		} `json:"endpoints"`
	} `json:"items"`
}

// lookup finds [POD] SERVICE NAMESPACE.
func (d *dns) lookup(path []string) (out []netip.Addr) {
	pod := ""
	if len(path) == 3 {
		pod, path = path[0], path[1:]
	}
	if len(path) != 2 {
		return nil
	}
	api := "https://" + home + ":" + apiPort + "/apis/discovery.k8s.io/v1/namespaces/"
	req, err := http.NewRequest(http.MethodGet, api+path[1]+"/endpointslices", nil)
	if err != nil {
		return nil
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := d.client.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var s endpointSlices
	if json.NewDecoder(resp.Body).Decode(&s) != nil {
		return nil
	}
	for _, item := range s.Items {
		if item.Metadata.Labels["kubernetes.io/service-name"] != path[0] {
			continue
		}
		for _, e := range item.Endpoints {
			if pod != "" && e.Hostname != pod {
				continue
			}
			for _, text := range e.Addresses {
				if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
					out = append(out, a)
				}
			}
		}
	}
	return out
}
