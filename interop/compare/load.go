package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// crew is a signer with the nodes of its chains.
type crew struct {
	*subject
	nodes [][]*node
}

// assemble starts a signer for chains with some nodes each, and waits for all links.
func assemble(folder, scheme string, m maker, chains, nodes int) (*crew, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	c := &crew{}
	var list []chain
	for i := range chains {
		id := fmt.Sprintf("load-%d", i)
		var links []*node
		var addresses []string
		for j := range nodes {
			n, err := listen(id, scheme, folder, fmt.Sprintf("%d-%d", i, j))
			if err != nil {
				return c, err
			}
			links = append(links, n)
			addresses = append(addresses, n.address)
		}
		c.nodes = append(c.nodes, links)
		list = append(list, chain{id, addresses})
	}
	var err error
	if c.subject, err = m.start(folder, list); err != nil {
		return c, err
	}
	for _, links := range c.nodes {
		for _, n := range links {
			if err := n.connect(); err != nil {
				text, _ := os.ReadFile(c.logFile)
				return c, fmt.Errorf("%s: %w\n%s", c.name, err, text[max(0, len(text)-2000):])
			}
		}
	}
	return c, nil
}

func (c *crew) end() {
	if c.subject != nil {
		c.stop()
	}
	for _, links := range c.nodes {
		for _, n := range links {
			n.close()
		}
	}
}

// tally collects times of several goroutines.
type tally struct {
	mutex  sync.Mutex
	took   times
	errors []error
}

func (t *tally) add(took time.Duration, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if err != nil {
		t.errors = append(t.errors, err)
		return
	}
	t.took = append(t.took, took)
}

func (t *tally) print(what string, memory float64) error {
	fmt.Printf("  %-34s %6d asked, p50 %s  p99 %s  p99.9 %s  max %s ms, %.1f MB resident\n",
		what, len(t.took), millis(t.took.at(0.5)), millis(t.took.at(0.99)), millis(t.took.at(0.999)), millis(t.took.at(1)), memory)
	return errors.Join(t.errors...)
}

// manyChains have two nodes each, which ask for the same votes at the same time; the chains' blocks come at times of
// their own.
func manyChains(o options, folder string, makers []maker) error {
	fmt.Printf("\n%d chains with 2 nodes each, a block each %g s, %d s\n", o.chains, o.block, o.seconds)
	for _, scheme := range []string{"unix", "tcp"} {
		// CometBFT's serves one node a chain.
		for _, m := range makers {
			if m.name == "CometBFT" {
				continue
			}
			c, err := assemble(filepath.Join(folder, scheme), scheme, m, o.chains, 2)
			if err == nil {
				err = c.blocks(o, m.name+" over "+scheme)
			}
			c.end()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *crew) blocks(o options, what string) error {
	var votes tally
	var wait sync.WaitGroup
	end := time.Now().Add(time.Duration(o.seconds) * time.Second)
	block := time.Duration(o.block * float64(time.Second))
	for _, links := range c.nodes {
		wait.Go(func() {
			next := time.Now().Add(time.Duration(rand.Int64N(int64(block))))
			for height := int64(1); next.Before(end); height++ {
				time.Sleep(time.Until(next))
				next = next.Add(block)
				for _, kind := range []string{"prevote", "precommit"} {
					var both sync.WaitGroup
					for _, n := range links {
						both.Go(func() { votes.add(n.ask(message{kind, height, 0})) })
					}
					both.Wait()
				}
			}
		})
	}
	wait.Wait()
	return votes.print(what, c.residentMB())
}

// crowd is chains that all ask at the same instant, ten times a second.
func crowd(o options, folder string, makers []maker) error {
	fmt.Printf("\n%d chains that ask at the same instant, ten times a second, %d s; pings show what the meter itself takes\n", o.crowd, o.seconds)
	for _, scheme := range []string{"unix", "tcp"} {
		for _, m := range makers {
			c, err := assemble(filepath.Join(folder, scheme), scheme, m, o.crowd, 1)
			if err == nil {
				err = errors.Join(c.together(o, m.name+" over "+scheme+", votes", "prevote"), c.together(o, m.name+" over "+scheme+", pings", "ping"))
			}
			c.end()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *crew) together(o options, what, kind string) error {
	var asked tally
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for i := range 10 * o.seconds {
		<-ticks.C
		var wait sync.WaitGroup
		start := make(chan struct{})
		for _, links := range c.nodes {
			wait.Go(func() {
				<-start
				asked.add(links[0].ask(message{kind, int64(1 + i/50), int32(i % 50)}))
			})
		}
		close(start)
		wait.Wait()
	}
	return asked.print(what, c.residentMB())
}
