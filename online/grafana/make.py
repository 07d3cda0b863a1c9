#!/usr/bin/env python3
"""Makes the dashboards of Grafana from what panels/ says of them.

In: panels/NAME.toml (needs Python 3.11). Out: dashboards/NAME.json, which Grafana reads as it is, by provisioning or by
hand. `--check` writes nothing, and exits 1 if a dashboard is not what its panels say.

A file of panels has `title`, `uid`, `description`, `scope` (what stands for `@` in expressions: the labels that choose
the replicas), `[[variables]]` (`name`, `label`, `query`, `many`), and `[[panels]]` in their order:

    row       begins a row of panels with this title
    title     of the panel; `about`: what it says and what to do, behind its "i"
    kind      lines (the default) | area | buckets | heatmap | table | stat
    unit      of Grafana: s, reqps, percentunit, bytes, ...
    width     of 24; 8 by default
    warn, bad the values from which a line is yellow and red
    queries   a list of [expression, legend]
"""

import json
import pathlib
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
HEIGHT = 8
TYPES = {"lines": "timeseries", "area": "timeseries", "buckets": "bargauge"}
FORMATS = {"buckets": "heatmap", "heatmap": "heatmap", "table": "table"}


def thresholds(panel):
    colors = [(key, color) for key, color in (("warn", "yellow"), ("bad", "red")) if key in panel]
    steps = [{"color": "green", "value": None}] + [{"color": color, "value": panel[key]} for key, color in colors]
    return {"mode": "absolute", "steps": steps}


def field_config(panel, kind):
    defaults = {"unit": panel.get("unit", "short"), "noValue": panel.get("none", "none")}
    has_thresholds = "warn" in panel or "bad" in panel
    if has_thresholds:
        defaults["thresholds"] = thresholds(panel)
    if kind == "stat" and has_thresholds:
        defaults["color"] = {"mode": "thresholds"}
    if kind in ("lines", "area"):
        stacked = kind == "area"
        defaults["min"] = 0
        defaults["custom"] = {
            "fillOpacity": 30 if stacked else 0,
            "lineWidth": 1,
            "showPoints": "auto",
            "stacking": {"mode": "normal" if stacked else "none"},
            "thresholdsStyle": {"mode": "line" if has_thresholds else "off"},
        }
    return {"defaults": defaults, "overrides": []}


def options(kind):
    last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if kind in ("lines", "area"):
        legend = {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    if kind == "buckets":
        return {"displayMode": "gradient", "orientation": "vertical", "reduceOptions": last, "showUnfilled": True}
    if kind == "heatmap":
        color = {"mode": "scheme", "scheme": "Blues"}
        return {"calculate": False, "cellGap": 1, "color": color, "yAxis": {"unit": "short"}}
    if kind == "stat":
        return {"colorMode": "value", "graphMode": "none", "reduceOptions": last, "textMode": "value_and_name"}
    return {"showHeader": True}


def target(at, query, scope, kind):
    expression, legend = query
    at_once = kind in ("buckets", "stat", "table")
    return {
        "refId": chr(ord("A") + at),
        "datasource": DATASOURCE,
        "expr": expression.replace("@", scope),
        "legendFormat": legend,
        "range": not at_once,
        "instant": at_once,
        "format": FORMATS.get(kind, "time_series"),
    }


def panels_of(board):
    """Lays the panels out from left to right, a new line where one does not fit any more."""
    made, scope, x, y = [], board.get("scope", ""), 0, 0
    for panel in board["panels"]:
        if "row" in panel:
            y, x = y + (HEIGHT if x else 0), 0
            at = {"h": 1, "w": WIDTH, "x": 0, "y": y}
            row = {"id": len(made) + 1, "type": "row", "title": panel["row"], "gridPos": at}
            made.append(row | {"collapsed": False, "panels": []})
            y += 1
        width, kind = panel.get("width", 8), panel.get("kind", "lines")
        if x + width > WIDTH:
            x, y = 0, y + HEIGHT
        made.append(
            {
                "id": len(made) + 1,
                "type": TYPES.get(kind, kind),
                "title": panel["title"],
                "description": panel["about"],
                "datasource": DATASOURCE,
                "gridPos": {"h": HEIGHT, "w": width, "x": x, "y": y},
                "fieldConfig": field_config(panel, kind),
                "options": options(kind),
                "targets": [target(at, query, scope, kind) for at, query in enumerate(panel["queries"])],
            }
        )
        x += width
    return made


def variables(board):
    made = [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}]
    for variable in board["variables"]:
        many = variable["many"]
        made.append(
            {
                "name": variable["name"],
                "label": variable["label"],
                "type": "query",
                "datasource": DATASOURCE,
                "query": {"query": variable["query"], "refId": variable["name"]},
                "refresh": 2,
                "sort": 1,
                "multi": many,
                "includeAll": many,
                **({"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}} if many else {}),
            }
        )
    return made


def dashboard(board):
    return {
        "uid": board["uid"],
        "title": board["title"],
        "description": board["description"],
        "tags": ["tandem"],
        "editable": True,
        "graphTooltip": 1,
        "links": [
            {
                "title": "Tandem",
                "type": "dashboards",
                "tags": ["tandem"],
                "asDropdown": False,
                "includeVars": False,
                "keepTime": True,
            }
        ],
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": board.get("from", "now-3h"), "to": "now"},
        "timezone": "browser",
        "templating": {"list": variables(board)},
        "panels": panels_of(board),
    }


def main(arguments):
    stale = []
    for path in sorted((HERE / "panels").glob("*.toml")):
        text = json.dumps(dashboard(tomllib.loads(path.read_text())), indent=2, ensure_ascii=False) + "\n"
        made = HERE / "dashboards" / f"{path.stem}.json"
        if arguments == ["--check"]:
            if not made.exists() or made.read_text() != text:
                stale.append(made.name)
        else:
            made.write_text(text)
    if stale:
        print(f"{', '.join(stale)}: not what panels/ says; run python3 online/grafana/make.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
