// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// dashboard contains the relevant fields of a Grafana dashboard.
type dashboard struct {
	UID        string  `json:"uid"`
	Title      string  `json:"title"`
	Schema     int     `json:"schemaVersion"`
	Panels     []panel `json:"panels"`
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
}

type variable struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Definition string `json:"definition"`
}

type panel struct {
	ID          int       `json:"id"`
	Type        string    `json:"type"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Datasource  reference `json:"datasource"`
	Position    struct {
		X int `json:"x"`
		Y int `json:"y"`
		W int `json:"w"`
		H int `json:"h"`
	} `json:"gridPos"`
	Fields struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []target `json:"targets"`
	Panels  []panel  `json:"panels"` // of a collapsed row
}

type target struct {
	RefID      string    `json:"refId"`
	Expr       string    `json:"expr"`
	Datasource reference `json:"datasource"`
}

type reference struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

func readDashboard(file string) (*dashboard, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	board := &dashboard{}
	if err := json.Unmarshal(content, board); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return board, nil
}

// all returns all panels, including rows and the panels in them.
func (d *dashboard) all() []panel {
	var all []panel
	for _, p := range d.Panels {
		all = append(append(all, p), p.Panels...)
	}
	return all
}

// The values of Grafana's own variables, and samples for those of the dashboard.
var (
	builtin = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1h")
	custom  = regexp.MustCompile(`\$\{?(\w+)(:\w+)?\}?`)
	asks    = regexp.MustCompile(`^label_values\((.*),\s*\w+\)$`)
)

// expressions returns the expressions of the panels and of the variables.
func (d *dashboard) expressions() []expression {
	var all []expression
	add := func(where, text string) {
		all = append(all, expression{where, custom.ReplaceAllString(builtin.Replace(text), ".*")})
	}
	for _, v := range d.Templating.List {
		if found := asks.FindStringSubmatch(v.Definition); found != nil {
			add("$"+v.Name, found[1])
		}
	}
	for _, p := range d.all() {
		for _, t := range p.Targets {
			add(p.Title+" "+t.RefID, t.Expr)
		}
	}
	return all
}

// check checks everything except the expressions.
func (d *dashboard) check() error {
	var problems []error
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", dashboardFile, fmt.Sprintf(format, args...)))
	}
	if d.UID == "" || d.Title == "" || d.Schema == 0 {
		problem("it lacks a uid, a title or a schemaVersion")
	}
	variables := map[string]bool{}
	uses := func(where, text string) {
		for _, used := range custom.FindAllStringSubmatch(builtin.Replace(text), -1) {
			if !variables[used[1]] {
				problem("%s: there is no variable %q, or it comes later", where, used[1])
			}
		}
	}
	for _, v := range d.Templating.List {
		if variables[v.Name] {
			problem("the variable %q is there twice", v.Name)
		}
		uses(v.Name, v.Definition)
		variables[v.Name] = true
		if v.Type == "query" && !asks.MatchString(v.Definition) {
			problem("the variable %q asks for %q, want label_values(...)", v.Name, v.Definition)
		}
	}
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, p := range d.all() {
		if ids[p.ID] || p.ID == 0 {
			problem("%s: its id %d is there twice, or 0", p.Title, p.ID)
		}
		if titles[p.Title] || p.Title == "" {
			problem("panel %d: its title %q is there twice, or empty", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for _, missing := range p.missing() {
			problem("%s: %s", p.Title, missing)
		}
		for _, t := range p.Targets {
			uses(p.Title, t.Expr)
		}
	}
	for i, p := range d.Panels {
		for _, other := range d.Panels[:i] {
			if p.overlaps(other) {
				problem("%s and %s are at the same place", p.Title, other.Title)
			}
		}
	}
	return errors.Join(problems...)
}

// missing returns what a panel lacks. A row needs only a title.
func (p panel) missing() []string {
	if p.Type == "row" {
		return nil
	}
	var missing []string
	if !strings.HasSuffix(p.Description, ".") {
		missing = append(missing, "its description is no sentence")
	}
	if p.Fields.Defaults.Unit == "" {
		missing = append(missing, "it has no unit")
	}
	if len(p.Targets) == 0 {
		missing = append(missing, "it asks for nothing")
	}
	sources := []reference{p.Datasource}
	for _, t := range p.Targets {
		sources = append(sources, t.Datasource)
	}
	for _, source := range sources {
		if source != (reference{Type: "prometheus", UID: "${datasource}"}) {
			missing = append(missing, fmt.Sprintf("its datasource is %v, want ${datasource}", source))
		}
	}
	return missing
}

func (p panel) overlaps(other panel) bool {
	a, b := p.Position, other.Position
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H || a.X+a.W > 24
}
