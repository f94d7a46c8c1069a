package slack

// This file shows the whole of what a card has to cut: a modal with pages,
// masked as the card is.

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// What goes on one page: little enough that a phone turns it quickly and that
// the modal stays within Slack's limits whatever the characters.
const (
	pageCost   = 40000
	pageBlocks = 60
)

// sheet is one block of the whole text, and what it costs.
type sheet struct {
	block object
	cost  int
}

// sheets are the whole text in its order. Put together, their texts are it.
func sheets(p preview.Preview) (all []sheet) {
	add := func(label, text string, draw func(string) object) {
		for i, piece := range pieces(text, pieceCost) {
			var elements []any
			if i == 0 && label != "" {
				elements = append(elements, section(bold(clip(label, maxLabel))))
			}
			all = append(all, sheet{richText(fmt.Sprint("w", len(all)), append(elements, draw(piece))...), cost(piece) + cost(label)})
		}
	}
	for _, part := range p.Parts {
		label := part.Label
		if part.SHA256 != "" {
			label = fmt.Sprintf("%s: %s bytes, SHA-256 %s", first(label, "text"), thousands(part.Bytes), part.SHA256)
		}
		lang := clip(part.Lang, 20)
		if part.Kind == preview.Diff {
			lang = "diff"
		}
		add(label, part.Text, func(s string) object { return preformatted(s, lang) })
	}
	add("Claude says:", p.Claim, quote)
	for _, text := range notices(p) {
		add("", text, func(s string) object { return section(emoji("warning"), run(" "+s)) })
	}
	return all
}

// pagesOf says where each page of the whole text begins, and at last where it
// ends.
func pagesOf(all []sheet) []int {
	starts, used := []int{0}, 0
	for i, s := range all {
		if from := starts[len(starts)-1]; i > from && (used+s.cost > pageCost || i-from == pageBlocks) {
			starts, used = append(starts, i), 0
		}
		used += s.cost
	}
	return append(starts, len(all))
}

// wholeModal is one page of the whole text, from 0.
func wholeModal(c permit.Card, p preview.Preview, at place, page int) (object, error) {
	all := sheets(p)
	starts := pagesOf(all)
	last := len(starts) - 2
	page = max(0, min(page, last))
	title, said := sizeOf(p)
	blocks := []object{contextOf("who", plainText(whoLine(c.Request, p)))}
	if last > 0 {
		said = fmt.Sprintf("page %d of %d · %s", page+1, last+1, said)
	}
	if last > 0 || len(p.Parts) != 1 || p.Parts[0].SHA256 == "" { // else its label says it
		blocks = append(blocks, contextOf("size", plainText(said)))
	}
	turns := func(id string) {
		var to []any
		for _, t := range []struct {
			name, label string
			page        int
			there       bool
		}{
			{"first", "First page", 0, page > 1}, {"previous", "Previous", page - 1, page > 0},
			{"next", "Next", page + 1, page < last}, {"last", "Last page", last, page < last-1},
		} {
			if t.there {
				to = append(to, button(pageAction+"."+t.name, t.label, strconv.Itoa(t.page), ""))
			}
		}
		if len(to) > 0 {
			blocks = append(blocks, actions(id, to...))
		}
	}
	if page > 0 {
		turns("turn.above")
	}
	for _, s := range all[starts[page]:starts[page+1]] {
		blocks = append(blocks, s.block)
	}
	turns("turn.below")
	view, err := modal(wholeView, title, private{Tag: tagOf(c.Request, p), At: at}, blocks)
	if err == nil {
		view["close"] = plainText("Close")
	}
	return view, err
}

// sizeOf tells how large the largest piece is: as a modal's title, and in full.
func sizeOf(p preview.Preview) (title, said string) {
	var most preview.Part
	shown := 0
	for _, part := range p.Parts {
		shown += utf8.RuneCountInString(part.Text)
		if part.Bytes > most.Bytes {
			most = part
		}
	}
	if most.Bytes == 0 {
		return "Whole text", thousands(shown) + " characters"
	}
	title, said = thousands(most.Bytes)+" bytes", thousands(most.Bytes)+" bytes"
	if most.SHA256 != "" {
		said += ", SHA-256 " + most.SHA256
		if room := maxTitle - len(title) - len(" · "); room >= 6 {
			title += " · " + most.SHA256[:min(room, 8, len(most.SHA256))]
		}
	} else {
		said += "; no SHA-256, because something in it is masked"
	}
	return title, said
}

// showWhole opens the whole text.
func (c *Channel) showWhole(ctx context.Context, in interaction, t tag, card permit.Card) {
	view, err := wholeModal(card, c.opt.Preview(card.Request), place{in.Channel, in.TS}, 0)
	c.open(ctx, in, t, view, err)
}

// turned handles a button inside the modal of the whole text.
func (c *Channel) turned(ctx context.Context, in interaction, a action) {
	page, err := strconv.Atoi(a.Value)
	if err != nil || !strings.HasPrefix(a.ID, pageAction+".") {
		return
	}
	in, from, card, ok := c.behind(ctx, in)
	if !ok {
		return
	}
	if !c.Allows(in.person()) {
		c.tell(ctx, in, notAllowed)
		return
	}
	var view object
	if card.Request.Input == nil {
		// What ended some time ago is no longer kept.
		view, err = modal(wholeView, "Ended", from, []object{richText("ended", section(bold(headline(card, c.opt.Preview(card.Request)))))})
	} else {
		view, err = wholeModal(card, c.opt.Preview(card.Request), from.At, page)
	}
	if err == nil {
		_, err = c.api.post(ctx, "views.update", object{"view_id": in.View, "view": view}, nil)
	}
	if err != nil && ctx.Err() == nil {
		c.log.Warn("cannot turn the page", "request", from.Tag.Request, "error", err)
		c.tell(ctx, in, "Slack did not turn the page ("+first(codeOf(err), "no answer in time")+"): try again.")
	}
}
