// Mutual nearest neighbours as lines from picture to picture, in an SVG over both.

const SVG = "http://www.w3.org/2000/svg";

/** A colour for a place in the first picture: its hue goes round the middle. */
function placeColour(x, y) {
  const turn = Math.atan2(y - 0.5, x - 0.5) / (2 * Math.PI);
  return `hsl(${Math.round(360 * (turn + 1)) % 360} 85% 62%)`;
}

class MatchLines {
  constructor(pair) {
    this.pair = pair;
    this.svg = pair.root.appendChild(document.createElementNS(SVG, "svg"));
    this.svg.setAttribute("class", "matches");
    this.svg.setAttribute("aria-hidden", "true");
    this.found = null; // Python's answer: { layer, facet, ids, pairs: [patch of the first, patch of the second, cosine] }
  }

  /** Whether the lines are those of what is shown. */
  get current() {
    const { found, pair: { halves: [first, second] } } = this;
    return Boolean(found && first.model && second.model && found.layer === first.state.layer && found.facet === first.state.facet
      && found.ids[0] === first.model.id && found.ids[1] === second.model.id);
  }

  draw() {
    const { svg, pair, found } = this;
    const { root, halves } = pair;
    const shown = this.current ? found.pairs : [];
    const box = root.getBoundingClientRect();
    const frames = halves.map((half) => half.frame.getBoundingClientRect());
    const key = JSON.stringify([shown, ...frames.map((frame) => [frame.left - box.left, frame.top - box.top, frame.width, frame.height])]);
    if (key !== this.drawn) {
      this.drawn = key;
      svg.replaceChildren(...shown.map(([a, b]) => this.line([a, b], frames, box)));
    }
    // Those that end where somebody points stand out.
    const near = halves.map(({ model, here, state }) => (here ?? state.query) - (model?.p ?? 0));
    const { asking } = pair;
    const side = halves.indexOf(asking);
    let some = false;
    shown.forEach((one, i) => {
      const on = one[side] === near[side];
      some ||= on;
      svg.children[i].toggleAttribute("data-on", on);
    });
    svg.toggleAttribute("data-some", some);
  }

  line(patches, frames, box) {
    const { halves } = this.pair;
    const [from, to] = patches.map((patch, i) => {
      const { rows, cols } = halves[i].model;
      const [x, y] = [((patch % cols) + 0.5) / cols, (Math.floor(patch / cols) + 0.5) / rows];
      return { x, y, left: frames[i].left - box.left + x * frames[i].width, top: frames[i].top - box.top + y * frames[i].height };
    });
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("style", `--colour: ${placeColour(from.x, from.y)}`);
    const part = (name, values) => {
      const element = document.createElementNS(SVG, name);
      for (const [attribute, value] of Object.entries(values)) element.setAttribute(attribute, value);
      group.append(element);
    };
    const ends = { x1: from.left, y1: from.top, x2: to.left, y2: to.top };
    part("line", { class: "under-line", ...ends });
    part("line", ends);
    for (const { left, top } of [from, to]) part("circle", { cx: left, cy: top, r: 3.5 });
    return group;
  }
}
