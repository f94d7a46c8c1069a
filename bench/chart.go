package main

import (
	"bytes"
	"fmt"
	"math"
)

// The chart's measures, in pixels.
const (
	chartWidth, chartHeight        = 720, 340
	chartLeft, chartTop            = 60, 50
	chartPlotWidth, chartPlotDepth = 600, 230
)

// curve is one line of the chart.
type curve struct {
	name, colour string
	values       []float64
}

// loadChart draws, over how many requests are open at once, how long a hook
// takes to end after its tap, in ms, and what a request costs the daemon, in
// tenths of ms of CPU time. Both should be flat.
func loadChart(points []loadPoint) []byte {
	latency := curve{name: "tap → hook ended, p50, ms", colour: "#2f6f4f"}
	worst := curve{name: "tap → hook ended, p99, ms", colour: "#b5532a"}
	cost := curve{name: "CPU time of the daemon for a request, ms", colour: "#33557f"}
	top := 1.0
	for _, p := range points {
		for c, v := range map[*curve]float64{&latency: p.p50.Seconds() * 1000, &worst: p.p99.Seconds() * 1000, &cost: p.cpu.Seconds() * 1000} {
			c.values = append(c.values, v)
			top = max(top, v)
		}
	}
	top = math.Ceil(top/5) * 5
	x := func(i int) float64 {
		low, high := math.Log10(float64(points[0].open)), math.Log10(float64(points[len(points)-1].open))
		return chartLeft + chartPlotWidth*(math.Log10(float64(points[i].open))-low)/(high-low)
	}
	y := func(v float64) float64 { return chartTop + chartPlotDepth*(1-v/top) }

	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#333">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&svg, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", chartWidth, chartHeight)
	for i := range 6 {
		v := top * float64(i) / 5
		fmt.Fprintf(&svg, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n",
			chartLeft, y(v), chartLeft+chartPlotWidth, chartLeft-8, y(v)+4, v)
	}
	for i, p := range points {
		fmt.Fprintf(&svg, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(i), chartTop+chartPlotDepth+20, p.open)
	}
	fmt.Fprintf(&svg, `<text x="%d" y="%d" text-anchor="middle">requests open at once</text>`+"\n", chartLeft+chartPlotWidth/2, chartTop+chartPlotDepth+42)
	for n, c := range []curve{latency, worst, cost} {
		fmt.Fprintf(&svg, `<path fill="none" stroke="%s" stroke-width="2" d="`, c.colour)
		for i, v := range c.values {
			fmt.Fprintf(&svg, "%c%.1f %.1f", "ML"[min(i, 1)], x(i), y(v))
		}
		fmt.Fprintln(&svg, `"/>`)
		for i, v := range c.values {
			fmt.Fprintf(&svg, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(i), y(v), c.colour)
		}
		fmt.Fprintf(&svg, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", chartLeft+n*190, chartTop-22, c.colour, c.name)
	}
	fmt.Fprintln(&svg, "</svg>")
	return svg.Bytes()
}
