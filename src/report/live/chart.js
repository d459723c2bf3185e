// A chart of fractions against a logarithmic axis on which 0 stands apart.

const SVG = 'http://www.w3.org/2000/svg';
const MARGIN = { left: 46, right: 14, top: 14, bottom: 48 };
const HEIGHT = 300;
// Width of the place for 0.
const ZERO = 34;

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** 1, 10, 100 …, with 3, 30 … between where that leaves few. */
function ticks(low, high) {
  const decades = Math.log10(high / low);
  const digits = decades <= 3.5 ? [1, 3] : [1];
  const every = Math.ceil(decades / 6);
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every !== 0) continue;
    for (const digit of digits) {
      const value = Number(`${digit}e${power}`);
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found;
}

/** A number as people write it. */
function plain(value) {
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7)) {
    return value.toExponential(1).replace('.0', '').replace('e+', 'e').replace('-', '\u2212');
  }
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 5 });
}

class Chart {
  /**
   * In `svg`, over the x values `values` (ascending; none negative). `markers`: whether each value has a mark of its own.
   * `choose`, if given, is called with the place of the value nearest to a click.
   */
  constructor(svg, { values, label, markers, choose }) {
    Object.assign(this, { svg, values, label, markers });
    this.data = [];
    this.chosen = null;
    new ResizeObserver(() => this.#lay()).observe(svg.parentElement);
    if (choose) {
      svg.addEventListener('click', (event) => {
        const x = event.clientX - svg.getBoundingClientRect().left;
        const far = values.map((value) => Math.abs(this.#x(value) - x));
        choose(far.indexOf(Math.min(...far)));
      });
    }
  }

  /**
   * Shows series `{name, fractions, intervals}`, each as many as there are values or fewer, and marks the value at the place
   * `chosen`.
   */
  show(data, chosen = null) {
    this.data = data;
    this.chosen = chosen;
    this.#draw();
  }

  #x(value) {
    const positive = this.values.filter((other) => other > 0);
    const [low, high] = [positive[0], positive.at(-1)];
    const from = MARGIN.left + (this.values[0] === 0 ? ZERO : 0);
    if (value === 0) return MARGIN.left + ZERO / 2 - 4;
    const to = this.width - MARGIN.right;
    const padding = 8;
    if (low === high) return (from + to) / 2;
    return from + padding + ((to - from - 2 * padding) * Math.log(value / low)) / Math.log(high / low);
  }

  #y(fraction) {
    return MARGIN.top + (1 - fraction) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  }

  #lay() {
    this.width = Math.max(this.svg.parentElement.clientWidth, 240);
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${HEIGHT}`);
    this.svg.setAttribute('width', this.width);
    this.svg.setAttribute('height', HEIGHT);
    const axes = element('g', { class: 'axes' });
    const [left, right, bottom] = [MARGIN.left, this.width - MARGIN.right, this.#y(0)];
    for (const percent of [0, 25, 50, 75, 100]) {
      const y = this.#y(percent / 100);
      axes.append(element('line', { x1: left, x2: right, y1: y, y2: y, class: 'grid' }));
      axes.append(element('text', { x: left - 7, y: y + 4, 'text-anchor': 'end' }, `${percent}%`));
    }
    const positive = this.values.filter((value) => value > 0);
    const marked = [...(this.values[0] === 0 ? [0] : []), ...ticks(positive[0], positive.at(-1))];
    for (const value of marked) {
      const x = this.#x(value);
      axes.append(element('line', { x1: x, x2: x, y1: bottom, y2: bottom + 5, class: 'tick' }));
      axes.append(element('text', { x, y: bottom + 19, 'text-anchor': 'middle' }, plain(value)));
    }
    if (this.values[0] === 0) {
      const x = left + ZERO;
      axes.append(element('line', { x1: x, x2: x, y1: this.#y(1), y2: bottom, class: 'apart' }));
    }
    axes.append(element('text', { x: (left + right) / 2, y: HEIGHT - 8, 'text-anchor': 'middle' }, this.label));
    this.plot = element('g', {});
    this.svg.replaceChildren(axes, this.plot);
    this.#draw();
  }

  #draw() {
    if (!this.plot) return;
    const parts = [];
    if (this.chosen !== null) {
      const x = this.#x(this.values[this.chosen]);
      parts.push(element('line', { x1: x, x2: x, y1: this.#y(1), y2: this.#y(0), class: 'chosen' }));
    }
    const fixed = (number) => number.toFixed(1);
    for (const { name, fractions, intervals } of this.data) {
      const group = element('g', { class: name });
      const points = fractions.map((fraction, i) => ({
        zero: this.values[i] === 0,
        chosen: i === this.chosen,
        x: this.#x(this.values[i]),
        y: this.#y(fraction),
        low: this.#y(intervals[i][0]),
        high: this.#y(intervals[i][1]),
      }));
      const line = points.filter(({ zero }) => !zero);
      const path = (side) => line.map((point) => `${fixed(point.x)},${fixed(point[side])}`);
      if (line.length > 1) {
        const band = [...path('high'), ...path('low').reverse()];
        group.append(element('polygon', { points: band.join(' '), class: 'band' }));
        group.append(element('polyline', { points: path('y').join(' '), class: 'line' }));
      }
      for (const { zero, chosen, x, y, low, high } of points) {
        if (!zero && !this.markers) continue;
        if (zero) group.append(element('line', { x1: x, x2: x, y1: low, y2: high, class: 'bar' }));
        const r = (chosen ? 6 : 4) + (name === 'solved' ? 1 : 0);
        group.append(
          name === 'broken'
            ? element('circle', { cx: x, cy: y, r })
            : element('rect', { x: x - r, y: y - r, width: 2 * r, height: 2 * r }),
        );
      }
      parts.push(group);
    }
    this.plot.replaceChildren(...parts);
  }
}
