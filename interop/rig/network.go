package rig

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// cutter passes bytes on between the signer and the node, until it is cut.
type cutter struct {
	listener net.Listener
	to       string
	mutex    sync.Mutex
	open     []net.Conn
	closed   bool
	// delay is how long what the signer sends is held back.
	delay time.Duration
}

func newCutter(t testing.TB, to string) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: listener, to: to}
	t.Cleanup(func() { listener.Close(); c.cut() })
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			// Nothing of a link that is refused may reach the node: nodes before v0.38 wait 3 s after each one
			// that comes to nothing.
			out, err := c.dial(in)
			if err != nil {
				in.Close()
				continue
			}
			pass := func(to io.Writer, from io.Reader) {
				_, _ = io.Copy(to, from)
				in.Close()
				out.Close()
			}
			go pass(in, out)
			go pass(delayed{c, out}, in)
		}
	}()
	return c
}

// dial makes the other half of a link, if links are allowed.
func (c *cutter) dial(in net.Conn) (net.Conn, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return nil, net.ErrClosed
	}
	out, err := net.Dial("tcp", c.to)
	if err == nil {
		c.open = append(c.open, in, out)
	}
	return out, err
}

// delayed holds back what is written.
type delayed struct {
	cutter *cutter
	to     net.Conn
}

func (d delayed) Write(bytes []byte) (int, error) {
	d.cutter.mutex.Lock()
	delay := d.cutter.delay
	d.cutter.mutex.Unlock()
	time.Sleep(delay)
	return d.to.Write(bytes)
}

// slow holds back what the signer sends for so long from now on.
func (c *cutter) slow(delay time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.delay = delay
}

// cut ends the links and allows no others.
func (c *cutter) cut() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, conn := range c.open {
		conn.Close()
	}
	c.open, c.closed = nil, true
}

// mend allows links again.
func (c *cutter) mend() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = false
}

// NetworkTest is a network of four validators, of which one signs through the
// signer under test, whose life is made hard: it is killed ten times, its link
// is cut, and another node is stopped. It must be in more than 95 of a hundred
// commits all the same.
func NetworkTest(t *testing.T, series Series, extensions bool) {
	const (
		kills   = 10
		between = 15 // heights
		blocks  = 400
	)
	secret := SecretNamed(t.Name())
	spec := NodeSpec{
		Home: tempDir(t), ChainID: chainID, Validator: series.PublicKey(Ed25519, secret), Others: 3,
		Listen: fmt.Sprintf("tcp://127.0.0.1:%d", FreePort(t)),
	}
	if extensions {
		spec.ExtensionsFrom, spec.ExtensionBytes = 2, 100
	}
	_, address := SplitAddress(spec.Listen)
	link := newCutter(t, address)
	subject := NewSubject(t, Settings{
		ChainID: chainID, KeyType: Ed25519, Secret: secret, Addresses: []string{"tcp://" + link.listener.Addr().String()},
	})
	node := NewRealNode(t, spec)
	began := time.Now()
	subject.Start()
	node.Start()
	node.Reach(5)
	for range kills {
		t.Logf("killed at height %d", node.Height())
		subject.Kill()
		subject.Start()
		node.Reach(node.Height() + between)
	}
	t.Logf("killed %d times by height %d, after %v", kills, node.Height(), time.Since(began).Round(time.Millisecond))
	link.cut()
	time.Sleep(300 * time.Millisecond)
	link.mend()
	node.Reach(node.Height() + between)
	// Without this node all three others must sign, for two thirds of four are more than two.
	node.Tell("stop 3")
	stopped, before := time.Now(), node.Height()
	time.Sleep(10 * time.Second)
	made := node.Height() - before
	node.Tell("start 3")
	t.Logf("%d blocks in the %v without one node", made, time.Since(stopped).Round(time.Millisecond))
	if made < 5 {
		t.Errorf("only %d blocks in 10 s without one of four nodes: the signer holds the network up", made)
	}
	node.Reach(max(blocks, node.Height()+10))
	node.Tell("end")
	found := node.End()
	share := 100 * float64(found.Signed) / float64(found.Commits)
	t.Logf("in %.1f of a hundred commits, %v in all", share, time.Since(began).Round(time.Millisecond))
	if found.Commits < blocks-1 || share <= 95 {
		t.Errorf("in %d of %d commits only", found.Signed, found.Commits)
	}
	if extensions && found.Extended < found.Signed/2 {
		t.Errorf("only %d of %d commits have its extension", found.Extended, found.Signed)
	}
	if found.Positions < 2*found.Signed {
		t.Errorf("only %d positions in the write-ahead log for %d commits", found.Positions, found.Signed)
	}
}
