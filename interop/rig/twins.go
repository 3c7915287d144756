package rig

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const envEtcd = "ETCD"

// startEtcd runs three members, and gives the addresses of their clients.
func startEtcd(t *testing.T) []string {
	t.Helper()
	program, home := os.Getenv(envEtcd), tempDir(t)
	if program == "" {
		t.Fatalf("%s must name the etcd to run (interop/etcd/network does)", envEtcd)
	}
	var clients, peers, cluster []string
	for i := range 3 {
		clients = append(clients, fmt.Sprintf("http://127.0.0.1:%d", FreePort(t)))
		peers = append(peers, fmt.Sprintf("http://127.0.0.1:%d", FreePort(t)))
		cluster = append(cluster, fmt.Sprintf("m%d=%s", i, peers[i]))
	}
	for i := range 3 {
		name := fmt.Sprintf("m%d", i)
		member, err := startProcess(exec.Command(program, "--name", name, "--data-dir", filepath.Join(home, name),
			"--listen-client-urls", clients[i], "--advertise-client-urls", clients[i], "--listen-peer-urls", peers[i],
			"--initial-advertise-peer-urls", peers[i], "--initial-cluster", strings.Join(cluster, ","),
			"--initial-cluster-token", "twins"), filepath.Join(home, name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(member.kill)
	}
	for _, client := range clients {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if conn, err := net.Dial("tcp", strings.TrimPrefix(client, "http://")); err == nil {
				conn.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no member of etcd at %s", client)
			}
		}
	}
	return clients
}

// TwoHosts is a network of four validators, of which one has two nodes, each
// with a signer of its own: one key, whose watermark the two share in etcd. A
// signer is killed again and again, one after the other. No height may be
// missed for longer than one block, and there must be no evidence.
func (s Suite) TwoHosts(t *testing.T) {
	binaryOnly(t)
	lasts := time.Duration(envNumber(t, "INTEROP_SECONDS", 30)) * time.Second
	every := min(10*time.Second, lasts/6)
	endpoints := startEtcd(t)
	secret := SecretNamed(t.Name())
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: s.Series.PublicKey(Ed25519, secret), Others: 3,
		Listen:      fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t)),
		ListenTwins: []string{fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t))},
	}
	if s.Series.Traits().Extensions {
		spec.ExtensionsFrom, spec.ExtensionBytes = 2, 100
	}
	var signers []*Subject
	for i, address := range []string{spec.Listen, spec.ListenTwins[0]} {
		settings := Settings{
			ChainID: chainID, KeyType: Ed25519, Secret: secret, Addresses: []string{address},
			Chain: []string{`store = "etcd"`, "[etcd]", `endpoints = ["` + strings.Join(endpoints, `", "`) + `"]`},
		}
		command := "share"
		if i > 0 {
			settings.Arm, command = []string{}, "join"
		}
		signer := NewSubject(t, settings)
		signer.Command("state", command, "-c", signer.ConfigPath(), chainID, "--yes")
		signers = append(signers, signer)
	}
	node := NewRealNode(t, spec)
	for _, signer := range signers {
		signer.Start()
	}
	node.Start()
	node.Reach(5)
	began, kills := time.Now(), 0
	for ; time.Since(began) < lasts; kills++ {
		time.Sleep(every)
		signers[kills%2].Kill()
		// Down for as long as a restart by a service manager takes.
		time.Sleep(time.Second)
		signers[kills%2].Start()
	}
	t.Logf("killed %d times by height %d, in %v", kills, node.Height(), time.Since(began).Round(time.Second))
	node.Reach(node.Height() + 10)
	node.Tell("end")
	found := node.End()
	if found.LongestGap > 1 {
		t.Errorf("%d heights in a row were missed", found.LongestGap)
	}
	if kills < 3 || found.Commits < 30 {
		t.Errorf("only %d kills and %d commits", kills, found.Commits)
	}
}
