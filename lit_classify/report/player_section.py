"""The player of a report: its controls, and for each run a map, the units of the network and the curves.

The script paints the maps and updates everything that changes with the epoch.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby, product
from operator import itemgetter
from typing import Any

from lit_classify.plots.style import class_color
from lit_classify.report.html_elements import Html, format_number, section, tag
from lit_classify.report.svg_charts import learning_curves, swatch

_SPEEDS = (2, 5, 10, 20, 40)  # snapshots per second
_SPEED = 10
_MAP, _UNIT = "400", "64"  # pixels
_MAX_UNITS = 16  # of a layer that are drawn
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_PLAY = "M4 2.5v11l9-5.5z"
_PAUSE = "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z"
_BACK = "M12 2.5v11L5 8zM3 2.5h2v11H3z"
_FORWARD = "M4 2.5v11L11 8zM11 2.5h2v11h-2z"


def player_section(runs: Sequence[Mapping[str, Any]]) -> Html | None:
    """Return the player of the runs that have one; None if none has."""
    shown = [(index, run) for index, run in enumerate(runs) if run["player"]]
    if not shown:
        return None
    stages = [_stage(index, run) for index, run in shown]
    content = _controls([run for _, run in shown]), tag("div", *stages, class_="stages")
    return section("Training, replayed", *content, class_="player")


def _controls(runs: Sequence[Mapping[str, Any]]) -> Html:
    players = [run["player"] for run in runs]
    speeds = [tag("option", f"{speed}", selected="" if speed == _SPEED else None) for speed in _SPEEDS]
    controls = [
        tag(
            "div",
            _icon("step back", _BACK),
            _icon("play", _PLAY, _PAUSE),
            _icon("step forward", _FORWARD),
            class_="buttons",
        ),
        tag("input", type="range", step="1", aria_label="epoch", class_="slider"),
        tag("b", class_="epoch"),
        tag("label", "Speed ", tag("select", *speeds, aria_label="speed", class_="speed")),
    ]
    if any(player["task"] != "regression" for player in players):
        controls.append(_check("Regions only", "hard", False))
    if any(player["points"] for player in players):
        controls += [_check("Train points", "train", True), _check("Test points", "test", True)]
    labels = [run["label_names"] for run in runs if run["player"]["task"] == "multilabel"]
    if labels:
        controls.append(_choice("label", labels[0]))
    members = max((player["network"]["members"] for player in players if player.get("network")), default=1)
    if members > 1:
        names = [f"mean of {members} members", *(f"member {index + 1}" for index in range(members))]
        controls.append(_choice("member", names))
    return tag("div", *controls, class_="controls")


def _icon(label: str, *paths: str) -> Html:
    drawn = tag("svg", *(tag("path", d=path) for path in paths), viewBox="0 0 16 16")
    return tag("button", drawn, type="button", aria_label=label, class_="icon")


def _check(text: str, option: str, checked: bool) -> Html:
    box = tag("input", type="checkbox", checked="" if checked else None, data_option=option)
    return tag("label", box, f" {text}")


def _choice(option: str, names: Sequence[str]) -> Html:
    return tag("select", *(tag("option", name) for name in names), aria_label=option, data_option=option)


def _stage(index: int, run: Mapping[str, Any]) -> Html:
    """Return the map, the diagram and the curves of a run."""
    player = run["player"]
    x_name, y_name = (feature["name"] for feature in player["features"])
    about = f"predictions of {run['name']} over {x_name} and {y_name}; arrow keys read a point"
    canvas = tag("canvas", width=_MAP, height=_MAP)
    overlay = tag(
        "svg",
        *_points(player),
        tag("path", class_="cross"),
        viewBox="0 0 100 100",
        class_="overlay",
        tabindex="0",
        role="img",
        aria_label=about,
    )
    plot = tag(
        "div",
        _axis(player, 1, "axis vertical"),
        tag("div", canvas, overlay, class_="map"),
        _axis(player, 0, "axis"),
        class_="plot",
    )
    map_ = tag("div", plot, _legend(run), tag("p", class_="readout", aria_live="off"))
    if player.get("network"):
        diagram = _diagram(player, run["outputs"])
    else:
        reason = f"Units and weights are not drawn: {player['grids']['reason']}."
        diagram = tag("p", reason, class_="muted network")
    colors = class_color(1), class_color(0)
    panels = tag("div", map_, diagram, learning_curves(run["curves"], colors), class_="panels")
    return tag("div", tag("h3", run["name"]), panels, class_="stage", data_run=f"{index}")


def _points(player: Mapping[str, Any]) -> list[Html]:
    """Return circles of training rows, and squares of others, in percent of the map.

    Their sizes are in the style.
    """
    points = player["points"]
    if not points:
        return []
    groups = []
    for split, rows in groupby(zip(points["split"], points["x"], strict=True), key=itemgetter(0)):
        drawn = []
        for _, raw in rows:
            x, y = (
                100 * (value - low) / (high - low or 1.0)
                for value, (low, high) in zip(raw, player["range"], strict=True)
            )
            if split == "train":
                drawn.append(tag("circle", cx=f"{x:.4g}", cy=f"{100 - y:.4g}"))
            else:
                drawn.append(tag("rect", x=f"{x:.4g}", y=f"{100 - y:.4g}"))
        groups.append(tag("g", *drawn, class_=split))
    return groups


def _axis(player: Mapping[str, Any], feature: int, class_: str) -> Html:
    low, high = player["range"][feature]
    name = player["features"][feature]["name"]
    texts = format_number(low, 3), name, format_number(high, 3)
    return tag("div", *(tag("span", text) for text in texts), class_=class_)


def _legend(run: Mapping[str, Any]) -> Html:
    player = run["player"]
    if player["task"] == "regression":
        colors = (class_color(3), class_color(1))
        shown = [
            swatch(color, format_number(value)) for color, value in zip(colors, player["values"], strict=True)
        ]
    else:
        names = ["no", "yes"] if player["task"] == "multilabel" else run["outputs"]
        shown = [swatch(class_color(index), name) for index, name in enumerate(names)]
    used = set(player["points"]["split"]) if player["points"] else set()
    marks = [
        tag("span", tag("i", class_=f"marker {split}"), name)
        for split, name in _SPLITS.items()
        if split in used
    ]
    return tag("div", *shown, *marks, class_="legend")


def _diagram(player: Mapping[str, Any], outputs: Sequence[str]) -> Html:
    """Return the units of a network in a column for each layer, connected by its weights."""
    layers, features = player["network"]["layers"], player["features"]
    linear = [index for index, layer in enumerate(layers) if layer["kind"] == "linear"]
    inputs = layers[0].get("inputs") or [feature["name"] for feature in features]
    sizes = [len(inputs), *(layers[index]["weight"]["shape"][1] for index in linear)]
    shown, last = [min(size, _MAX_UNITS) for size in sizes], len(linear)
    positions = [*linear, len(layers)]  # of the units' outputs, which the next linear layer takes
    titles = ["inputs", *(f"layer {depth}" for depth in range(1, last)), "output"]
    heads, columns = [], []
    for depth, (title, size) in enumerate(zip(titles, sizes, strict=True)):
        hidden = [f"{title}, unit {unit + 1}" for unit in range(size)]
        names = inputs if depth == 0 else outputs[-size:] if depth == last else hidden
        count = f", {shown[depth]} of {size}" if shown[depth] < size else ""
        heads.append(tag("span", title + count))
        units = [_unit(names[unit], depth, unit, positions[depth]) for unit in range(shown[depth])]
        columns.append(tag("div", *units, class_="layer"))
    links = [
        _link(depth, layer, source, target, shown, sizes[depth])
        for depth, layer in enumerate(linear)
        for target, source in product(range(shown[depth + 1]), range(shown[depth]))
    ]
    drawn = tag(
        "svg", *links, viewBox="0 0 100 100", preserveAspectRatio="none", class_="links", aria_hidden="true"
    )
    note = tag("p", "With the mean on the map, the units of member 1 are drawn.", class_="muted")
    return tag(
        "div",
        tag("div", *heads, class_="heads"),
        tag("div", drawn, *columns, class_="layers"),
        note if player["network"]["members"] > 1 else None,
        class_="network",
    )


def _unit(name: str, depth: int, index: int, position: int) -> Html:
    canvas = tag("canvas", width=_UNIT, height=_UNIT)
    data = {"data_unit": f"{depth}-{index}", "data_position": f"{position}", "data_index": f"{index}"}
    return tag("button", canvas, type="button", aria_label=name, class_="unit", **data)


def _link(depth: int, layer: int, source: int, target: int, shown: Sequence[int], num_sources: int) -> Html:
    """Return the line of a weight from the middle of a unit to that of another, in percent of the diagram."""
    x1, x2 = (100 * (column + 0.5) / len(shown) for column in (depth, depth + 1))
    y1, y2 = 100 * (source + 0.5) / shown[depth], 100 * (target + 0.5) / shown[depth + 1]
    middle = (x1 + x2) / 2
    path = f"M{x1:.4g} {y1:.4g}C{middle:.4g} {y1:.4g} {middle:.4g} {y2:.4g} {x2:.4g} {y2:.4g}"
    data = {"data_from": f"{depth}-{source}", "data_to": f"{depth + 1}-{target}"}
    return tag("path", d=path, data_layer=f"{layer}", data_index=f"{target * num_sources + source}", **data)
