package daemon

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/clock"
	"claude-permission-daemon/internal/permit"
)

// loop is the one goroutine that owns the broker. It takes events from
// everywhere, gives each to the broker with the time, and carries the effects
// out in order. It never waits for anything else: what takes time (the disk,
// a hook's connection, a channel) has a goroutine of its own.
type loop struct {
	log      *slog.Logger
	broker   *broker.Broker
	feeds    map[string]*feed // of the channels, by name
	recorder *recorder
	hooks    *hooks
	signs    signWatcher
	changed  *broadcast
	outcomes *outcomes  // nil: the desktop is told of none
	guard    func(bool) // told whether cards are out: then a lone blip is no return
	guarding bool

	events *queue[broker.Event]
	calls  chan func(*broker.Broker) // reads of the broker's state
	ended  chan struct{}             // closed when run has returned
	due    <-chan time.Time          // says when alive is to be called; nil: never
	alive  func()                    // tells the service manager that the loop turns
	down   map[string]string         // channels that have ended, and why; the loop's own

	mu     sync.Mutex
	token  uint64
	judged map[uint64]chan<- permit.Verdict
}

// signWatcher looks for signs that a request was answered in its terminal.
type signWatcher interface {
	Add(permit.Request)
	Remove(permit.Request)
}

// now is the wall clock's time, without the monotonic reading: deadlines hold
// across a suspend.
func now() time.Time { return time.Now().Round(0) }

// post gives an event to the loop, without waiting. After the loop has ended
// nobody takes it.
func (l *loop) post(e broker.Event) { l.events.add(e) }

// ask runs f on the broker between two events; false: the loop has ended.
func (l *loop) ask(f func(*broker.Broker)) bool {
	done := make(chan struct{})
	select {
	case l.calls <- func(b *broker.Broker) { defer close(done); f(b) }:
		<-done
		return true
	case <-l.ended:
		return false
	}
}

// run works until ctx ends.
func (l *loop) run(ctx context.Context) {
	defer close(l.ended)
	alarm := clock.New()
	defer alarm.Close()
	for {
		if at, ok := l.broker.Wake(); ok {
			alarm.Set(at)
		} else {
			alarm.Stop()
		}
		select {
		case <-l.events.more:
			for _, e := range l.events.take() {
				l.carryOut(l.broker.Step(now(), e))
			}
		case f := <-l.calls:
			f(l.broker)
		case <-alarm.C: // a request is due, or the clock was set
			alarm.Rang()
			l.carryOut(l.broker.Step(now(), broker.Tick{}))
		case <-l.due:
			l.alive()
		case <-ctx.Done():
			return
		}
	}
}

// restore takes in what a journal holds that could not be opened at the start.
func (l *loop) restore(records []permit.Record) {
	l.ask(func(b *broker.Broker) { l.carryOut(b.Restore(now(), records)) })
}

// carryOut does what the broker wants, in its order.
func (l *loop) carryOut(effects []broker.Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case broker.Record:
			l.recorder.queue.add(e)
			l.logRecord(e.Record)
		case broker.Tell:
			l.hooks.tell(e)
		case broker.Draw:
			e.Card = shown(l.recorder.masker, e.Card)
			if l.outcomes != nil {
				l.outcomes.drawn(e.Card)
			}
			if why, down := l.down[e.Channel]; down && e.Card.Live() {
				l.post(broker.PostFailed{ID: e.Card.Request.ID, Channel: e.Channel, Reason: why})
			} else if !down {
				l.feeds[e.Channel].cards.add(e.Card)
			}
		case broker.Notify:
			for _, name := range slices.Sorted(maps.Keys(l.feeds)) {
				if tells, ok := l.feeds[name].channel.(channel.Notifier); ok {
					tells.Note(e.Note)
				}
			}
		case broker.Judge:
			l.judge(e)
		case broker.Watch:
			if e.On {
				l.signs.Add(e.Request)
			} else {
				l.signs.Remove(e.Request)
			}
		}
	}
	if len(effects) == 0 {
		return
	}
	if out := l.broker.CardsOut(); out != l.guarding {
		l.guarding = out
		l.guard(out)
	}
	l.changed.send()
}

// channelEnded says that a channel will show nothing more: neither the cards
// it has nor those to come.
func (l *loop) channelEnded(name string, why error) {
	l.ask(func(b *broker.Broker) {
		l.down[name] = why.Error()
		for _, p := range b.Pending() {
			l.post(broker.PostFailed{ID: p.Card.Request.ID, Channel: name, Reason: why.Error()})
		}
	})
}

// logRecord follows the journal in the log, without what a request holds.
func (l *loop) logRecord(r permit.Record) {
	attrs := []any{"kind", r.Kind}
	if r.Request != "" {
		attrs = append(attrs, "request", r.Request)
	}
	if r.Opened != nil {
		attrs = append(attrs, "tool", r.Opened.Tool, "contract", r.Opened.Contract)
	}
	if r.Outcome != nil {
		attrs = append(attrs, "outcome", r.Outcome.Kind, "reason", r.Outcome.Reason)
	}
	if r.Stage != "" {
		attrs = append(attrs, "stage", r.Stage)
	}
	if r.Presence != nil {
		attrs = append(attrs, "presence", r.Presence.State, "source", r.Presence.Source)
	}
	if r.Channel != "" {
		attrs = append(attrs, "channel", r.Channel)
	}
	l.log.Debug("record", attrs...)
}

// answer brings a person's answer to the broker and waits for the verdict.
func (l *loop) answer(ctx context.Context, a permit.Answer) permit.Verdict {
	verdict := make(chan permit.Verdict, 1)
	l.mu.Lock()
	l.token++
	token := l.token
	l.judged[token] = verdict
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.judged, token)
		l.mu.Unlock()
	}()
	l.post(broker.Answered{Answer: a, Token: token})
	select {
	case v := <-verdict:
		return v
	case <-l.ended:
		return permit.Verdict{Code: permit.NotRecorded, Text: "It does not count: the daemon has stopped."}
	case <-ctx.Done():
		return permit.Verdict{Code: permit.NotRecorded, Text: "It is not known whether it counts: look at the card."}
	}
}

func (l *loop) judge(e broker.Judge) {
	verdict := told(l.recorder.masker, e.Verdict)
	l.mu.Lock()
	defer l.mu.Unlock()
	if waiting := l.judged[e.Token]; waiting != nil {
		waiting <- verdict // it has room for one
		delete(l.judged, e.Token)
	}
}

// desk is the loop as a channel sees it.
type desk struct {
	loop    *loop
	channel string
}

func (d desk) Answer(ctx context.Context, a permit.Answer) permit.Verdict {
	a.Decision.Channel = d.channel // not the channel's to choose
	return d.loop.answer(ctx, a)
}

func (d desk) Posted(request, ref string) {
	d.loop.post(broker.Posted{ID: request, Channel: d.channel, Ref: ref})
}

func (d desk) Settled(request string) {
	d.loop.post(broker.Settled{ID: request, Channel: d.channel})
}

func (d desk) Failed(request string, err error) {
	d.loop.post(broker.PostFailed{ID: request, Channel: d.channel, Reason: err.Error()})
}

// broadcast wakes everybody who waits for a change.
type broadcast struct {
	mu   sync.Mutex
	next chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{next: make(chan struct{})} }

// wait returns a channel that is closed at the next change.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.next)
	b.next = make(chan struct{})
}
