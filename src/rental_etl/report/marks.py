"""Vega-Lite specifications by kind of chart. Pure.

Rows arrive in the browser under the name `rows`, with ready-made values and texts: nothing is aggregated here. Words that begin with `@` stand for what
the page fills in when it draws: colours of the theme, which series there are, how the time axis labels its span.
"""

from typing import Any

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

Spec = dict[str, Any]


def trend(title: str, *, axis_format: str, height: int = 220, from_zero: bool = True) -> Spec:
    """Lines over time, a dashed one for a year earlier; periods that are not complete are hollow points."""
    value = _value("value", title, axis_format)
    if not from_zero:
        value["scale"] = {"zero": False, "nice": True}
    encoded = {"x": _time(), "y": value, "tooltip": {"field": "tip", "type": "nominal"}}
    layers = [
        {
            "mark": {"type": "line", "strokeWidth": 2, "interpolate": "linear", "strokeJoin": "round"},
            "encoding": {
                "color": _colour("series"),
                "strokeDash": {
                    "field": "earlier",
                    "type": "nominal",
                    "scale": {"domain": [False, True], "range": [[1, 0], [4, 4]]},
                    "legend": None,
                },
                "detail": {"field": "series", "type": "nominal"},
            },
        },
        {
            "transform": [{"filter": "datum.dot"}],
            "mark": {"type": "point", "size": 38, "strokeWidth": 2, "opacity": 1},
            "encoding": {
                "stroke": _colour("series", legend=False),
                "fill": {
                    "condition": {"test": "datum.complete", **_colour("series", legend=False)},
                    "value": "@surface",
                },
            },
        },
        {"mark": {"type": "point", "size": 320, "opacity": 0, "filled": True}},
    ]
    return _chart({"height": height, "encoding": encoded, "layer": layers})


def bars_with_earlier(title: str) -> Spec:
    """Bars over time, and a mark at what it was a year earlier; incomplete periods are paler."""
    bar = {
        "transform": [{"filter": "!datum.earlier"}],
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {
            "x2": {"field": "until"},
            "y2": {"datum": 0},
            "color": _colour("series"),
            "opacity": _paler(),
        },
    }
    earlier = {
        "transform": [{"filter": "datum.earlier"}],
        "mark": {"type": "rule", "strokeWidth": 2.5},
        "encoding": {"x2": {"field": "until"}, "color": _colour("series")},
    }
    shared = {"x": _time(), "y": _value("value", title, "~s"), "tooltip": {"field": "tip", "type": "nominal"}}
    return _chart({"height": 220, "encoding": shared, "layer": [bar, earlier]})


def stacked_periods(title: str) -> Spec:
    """Bars over time, stacked by series; the page says from where to where each part reaches."""
    return _chart(
        {
            "height": 220,
            "mark": {"type": "rect"},
            "encoding": {
                "x": _time(),
                "x2": {"field": "until"},
                "y": _value("low", title, "~s"),
                "y2": {"field": "high"},
                "color": _colour("series"),
                "opacity": _paler(),
                "tooltip": {"field": "tip", "type": "nominal"},
            },
        }
    )


def stacked_days(title: str) -> Spec:
    """Bars by day, stacked by series, only for days that have any."""
    return _chart(
        {
            "height": 220,
            "mark": {"type": "bar", "cornerRadiusEnd": 2, "width": {"expr": "min(44, 0.85 * bandwidth('x'))"}},
            "encoding": {
                "x": {
                    "field": "label",
                    "type": "ordinal",
                    "sort": None,
                    "title": None,
                    "axis": {"labelAngle": 0, "labelOverlap": True},
                    "scale": {"paddingInner": 0.2, "paddingOuter": 0.2},
                },
                "y": {**_value("value", title, "~s"), "stack": True},
                "color": _colour("series"),
                "order": {"field": "order", "type": "quantitative"},
                "tooltip": {"field": "tip", "type": "nominal"},
            },
        }
    )


def heat(title: str) -> Spec:
    """A cell per month and place, darker for more."""
    return _chart(
        {
            "height": {"step": 22},
            "mark": {"type": "rect", "stroke": "@surface", "strokeWidth": 1},
            "encoding": {
                "x": {
                    "field": "month",
                    "type": "ordinal",
                    "sort": None,
                    "title": None,
                    "axis": {"labelAngle": 0, "labelOverlap": True, "orient": "top", "domain": False, "ticks": False},
                },
                "y": _names(),
                "color": {
                    "field": "value",
                    "type": "quantitative",
                    "title": title,
                    "scale": {"range": ["@low", "@middle", "@high"], "domainMin": 0},
                    "legend": {"format": ".0%", "orient": "bottom", "direction": "horizontal", "gradientLength": 160},
                },
                "tooltip": {"field": "tip", "type": "nominal"},
            },
        }
    )


def ranking(title: str, *, steps: bool = False) -> Spec:
    """A bar per name, longest first, with its number beside it; `steps` leaves room between the bars for a funnel."""
    shared = {
        "y": _names(),
        "x": {
            "field": "value",
            "type": "quantitative",
            "title": None,
            "axis": None,
            "scale": {"domainMin": 0, "domainMax": "@room"},
        },
        "tooltip": {"field": "tip", "type": "nominal"},
    }
    bar = {
        "mark": {"type": "bar", "cornerRadiusEnd": 3, "color": "@accent"},
        "encoding": {"opacity": _paler()},
    }
    number = {
        "mark": {"type": "text", "align": "left", "dx": 6, "color": "@ink", "fontSize": 12},
        "encoding": {"text": {"field": "text", "type": "nominal"}},
    }
    described = {"description": title} if title else {}
    return _chart({**described, "height": {"step": 34 if steps else 26}, "encoding": shared, "layer": [bar, number]})


def runs(title: str) -> Spec:
    """A bar per run; a run that did not end well has its state above the bar."""
    shared = {
        "x": {
            "field": "label",
            "type": "ordinal",
            "sort": None,
            "title": None,
            "axis": {"labelAngle": 0, "labelOverlap": True},
            "scale": {"paddingInner": 0.2, "paddingOuter": 0.2},
        },
        "y": _value("value", title, "~s"),
        "tooltip": {"field": "tip", "type": "nominal"},
    }
    bar = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "width": {"expr": "min(44, 0.85 * bandwidth('x'))"}},
        "encoding": {"color": {"condition": {"test": "datum.flag != ''", "value": "@bad"}, "value": "@accent"}},
    }
    state = {
        "mark": {"type": "text", "baseline": "bottom", "dy": -3, "color": "@bad", "fontSize": 11},
        "encoding": {"text": {"field": "flag", "type": "nominal"}},
    }
    return _chart({"height": 160, "encoding": shared, "layer": [bar, state]})


def _chart(spec: Spec) -> Spec:
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"name": "rows"},
        **spec,
    }


def _time() -> Spec:
    return {
        "field": "from",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},
        "axis": {
            "labelExpr": "@time",
            "labelOverlap": True,
            "grid": False,
            "tickCount": {"expr": "max(2, width / 80)"},
        },
    }


def _value(field: str, title: str, axis_format: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "axis": {"format": axis_format, "tickCount": 5, "domain": False, "ticks": False},
        "scale": {"domainMin": 0, "nice": True},
    }


def _names() -> Spec:
    return {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": "@names", "domain": False, "ticks": False, "labelPadding": 8},
    }


def _colour(field: str, *, legend: bool = True) -> Spec:
    scale = {"domain": "@series", "range": "@range"}
    return {"field": field, "type": "nominal", "title": None, "scale": scale, "legend": "@legend" if legend else None}


def _paler() -> Spec:
    return {"condition": {"test": "datum.complete", "value": 1}, "value": 0.5}
