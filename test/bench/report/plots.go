// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package report

import (
	"fmt"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/measure"
	"github.com/appstack-dev/appstack/test/bench/result"
)

// The size of a plot.
const (
	width  = 16 * vg.Centimeter
	height = 9 * vg.Centimeter
)

// plots draws a plot for each measure with samples.
func plots(folder string, all result.Samples) error {
	g := goals{samples: all}
	for _, setting := range []string{measure.Unthrottled, measure.Stock} {
		lines := map[string]plotter.XYs{}
		var order []string
		for _, who := range contender.All() {
			order = append(order, who.Name())
			for _, size := range g.sizes(setting) {
				if created := g.converge(setting, who.Name(), size).Of("create.seconds"); created.Trials > 0 {
					lines[who.Name()] = append(lines[who.Name()], plotter.XY{X: float64(size), Y: created.Median})
				}
			}
		}
		title := fmt.Sprintf("Time until all run (%s)", setting)
		if err := draw(folder, "converge-"+setting, title, "stacks", "seconds", order, lines); err != nil {
			return err
		}
	}
	lines := map[string]plotter.XYs{}
	roles := []string{"leader", "standby"}
	for _, role := range roles {
		for _, size := range append([]int{0}, g.memorySizes()...) {
			if held := g.of("memory").Of(fmt.Sprintf("%d.%s.resident.bytes", size, role)); held.Trials > 0 {
				lines[role] = append(lines[role], plotter.XY{X: float64(size), Y: held.Median / 1e6})
			}
		}
	}
	if err := draw(folder, "memory", "Resident memory, each stack with its history", "stacks", "MB", roles, lines); err != nil {
		return err
	}
	return plotSoak(folder, g)
}

// plotSoak draws all series in one plot, each as a ratio to its first value.
func plotSoak(folder string, g goals) error {
	lines := map[string]plotter.XYs{}
	order := []string{"resident.bytes", "heap.bytes", "goroutines", "series"}
	for _, sample := range g.of("soak").Samples {
		for _, name := range order {
			for _, point := range sample.Series[name] {
				first := sample.Series[name][0].Value
				lines[name] = append(lines[name], plotter.XY{X: point.Second / 60, Y: point.Value / first})
			}
		}
	}
	return draw(folder, "soak", "Changes all the time: what the operator holds", "minutes", "ratio to the begin", order, lines)
}

// draw draws lines with points, in the given order. It draws no plot if there are no lines.
func draw(folder, name, title, x, y string, order []string, lines map[string]plotter.XYs) error {
	if len(lines) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Y.Min, p.X.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for i, label := range order {
		if len(lines[label]) == 0 {
			continue
		}
		line, points, err := plotter.NewLinePoints(lines[label])
		if err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		line.Color, points.Color = plotutil.Color(i), plotutil.Color(i)
		line.Dashes, points.Shape = plotutil.Dashes(i), plotutil.Shape(i)
		p.Add(line, points)
		p.Legend.Add(label, line, points)
	}
	p.Y.Min, p.X.Min = 0, 0
	if err := p.Save(width, height, filepath.Join(folder, name+".svg")); err != nil {
		return fmt.Errorf("drawing %s: %w", name, err)
	}
	return nil
}
