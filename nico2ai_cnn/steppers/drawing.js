// What every stepper is made of: pixel grids, controls, a position that keys move, written numbers.
// It stands in front of each stepper's own module.

const SVG = 'http://www.w3.org/2000/svg';

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
const html = (tag, attributes = {}, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const range = n => Array.from({length: Math.max(0, n)}, (_, i) => i);

// A number with at most `digits` significant digits; -0 and what rounding leaves of 0 are 0, infinity is ∞.
function write(value, digits = 4) {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  return Math.abs(value) < 1e-12 ? '0' : String(Number(value.toPrecision(digits)));
}
const factor = value => (value < 0 ? `(${write(value)})` : write(value));

// Smallest and largest of nested arrays of numbers.
function extent(values) {
  const flat = values.flat(Infinity).filter(Number.isFinite);
  return flat.length ? [Math.min(...flat), Math.max(...flat)] : [0, 1];
}

// Grey for intensities; blue, white, red around 0 for signed values. The same as in the course's pictures.
function scaleOf(values, signed) {
  const [low, high] = extent(values);
  if (signed ?? low < 0) {
    const most = Math.max(-low, high) || 1;
    return value => {
      const share = clamp(value / most, -1, 1);
      const end = share < 0 ? [5, 48, 97] : [103, 0, 31];
      const middle = share < 0 ? [67, 147, 195] : [214, 96, 77];
      const [from, to, part] = Math.abs(share) < 0.5
        ? [[247, 247, 247], middle, Math.abs(share) * 2] : [middle, end, Math.abs(share) * 2 - 1];
      return from.map((c, i) => Math.round(c + (to[i] - c) * part));
    };
  }
  return value => {
    const grey = Math.round(255 * clamp((value - low) / (high - low || 1), 0, 1));
    return [grey, grey, grey];
  };
}

// One matrix of pixels: colours, numbers where there is room, outlines on top.
function makeGrid(title, {name, pick, hover} = {}) {
  const canvas = html('canvas');
  const colours = canvas.getContext('2d');
  const texts = svg('g'), ticks = svg('g', {class: 'ticks'}), shades = svg('g'), outlines = svg('g');
  const overlay = svg('svg', {class: 'pixels', 'aria-hidden': 'true'}, shades, texts, ticks, outlines);
  const heading = html('div', {class: 'heading'}, title);
  const root = html('div', {class: 'grid', 'data-grid': name ?? title}, heading,
    html('div', {class: 'stack'}, canvas, overlay));
  let rows = 0, columns = 0, cell = 1, origin = 0, last = null;

  function at(event) {
    const box = overlay.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / cell), column = Math.floor((event.clientX - box.left) / cell);
    return row >= 0 && column >= 0 && row < rows && column < columns ? [row - origin, column - origin] : null;
  }
  overlay.addEventListener('pointermove', event => {
    const here = at(event);
    if (String(here) !== String(last)) { last = here; hover?.(here); }
  });
  overlay.addEventListener('pointerleave', () => { last = null; hover?.(null); });
  overlay.addEventListener('click', event => { const here = at(event); if (here) pick?.(here); });

  return {
    root,
    title(text) { heading.textContent = text; },
    get cell() { return cell; },
    // valueAt(row, column) is a number, or null for a cell that holds nothing (yet). Rows and columns count from
    // -border: a border of padding has negative ones. kindAt may name a cell's class, such as 'padding'.
    paint(height, width, valueAt, colour, {border = 0, size, kindAt = () => '', writing = write} = {}) {
      [rows, columns, origin] = [height + 2 * border, width + 2 * border, border];
      cell = size ?? cellFor(Math.max(rows, columns));
      canvas.width = Math.max(1, columns);
      canvas.height = Math.max(1, rows);
      canvas.style.width = overlay.style.width = `${columns * cell}px`;
      canvas.style.height = overlay.style.height = `${rows * cell}px`;
      overlay.setAttribute('viewBox', `0 0 ${Math.max(1, columns * cell)} ${Math.max(1, rows * cell)}`);
      const picture = colours.createImageData(canvas.width, canvas.height);
      texts.replaceChildren();
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
        const [row, column] = [i - border, j - border];
        const value = valueAt(row, column), kind = kindAt(row, column);
        const rgb = kind === 'padding' ? [176, 220, 242] : value === null ? [200, 200, 200] : colour(value);
        picture.data.set([...rgb, value === null && kind !== 'padding' ? 70 : 255], 4 * (i * columns + j));
        if (cell >= 22 && value !== null) {
          const long = writing(value, 3), text = long.length > 5 ? writing(value, 2) : long;
          const dark = 0.3 * rgb[0] + 0.6 * rgb[1] + 0.1 * rgb[2] < 128;
          texts.append(svg('text', {
            x: (j + 0.5) * cell, y: (i + 0.5) * cell, 'data-at': `${row},${column}`,
            'font-size': Math.min(0.42 * cell, 1.55 * cell / text.length), fill: dark ? 'white' : 'black'}, text));
        }
      }
      colours.putImageData(picture, 0, 0);
      const every = Math.max(rows, columns) <= 12 ? 1 : 5 * Math.ceil(Math.max(rows, columns) / 30);
      const numbered = n => range(n).filter(i => (i - border) % every === 0);
      ticks.replaceChildren(
        ...numbered(columns).map(j => svg('text', {x: (j + 0.5) * cell, y: -7}, String(j - border))),
        ...numbered(rows).map(i => svg('text', {x: -9, y: (i + 0.5) * cell}, String(i - border))));
      shades.replaceChildren();
      outlines.replaceChildren();
    },
    // Fills cells with a hatch: pixels never read, errors dropped.
    hatch(cells) {
      shades.replaceChildren(...cells.map(([row, column]) => svg('path', {
        class: 'hatch', 'data-at': `${row},${column}`, d: hatching((column + origin) * cell, (row + origin) * cell, cell)})));
    },
    // Draws rectangles [top, left, height, width] in a class; replaces those of the same class.
    outline(kind, rectangles) {
      outlines.querySelectorAll(`.${kind}`).forEach(old => old.remove());
      outlines.append(...rectangles.map(([top, left, height, width]) => svg('rect', {
        class: kind, rx: kind === 'winner' ? cell / 2 : 0, 'data-box': [top, left, height, width].join(','),
        x: (left + origin) * cell + 1, y: (top + origin) * cell + 1,
        width: Math.max(1, width * cell - 2), height: Math.max(1, height * cell - 2)})));
    },
  };
}
const cellFor = longest => (
  longest <= 7 ? 34 : longest <= 12 ? 26 : longest <= 20 ? 22 : longest <= 36 ? 9 : longest <= 72 ? 5 : longest <= 144 ? 3 : 1);
const hatching = (x, y, size) =>
  `M${x} ${y + size}L${x + size} ${y}M${x} ${y + size / 2}L${x + size / 2} ${y}M${x + size / 2} ${y + size}L${x + size} ${y + size / 2}`;

function makeMenu(label, names, change) {
  const select = html('select', {'aria-label': label, onchange: () => change(select.value)},
    ...names.map(each => html('option', {value: each}, each)));
  const root = html('label', {class: 'menu'}, `${label} `, select);
  root.hidden = names.length < 2;
  return {root, get value() { return select.value; }, set value(now) { select.value = now; }};
}

function makeSlider(label, low, high, value, change) {
  const output = html('output', {}, String(value));
  const input = html('input', {type: 'range', min: low, max: high, value, step: 1, 'aria-label': label, oninput: () => {
    output.textContent = input.value;
    change(Number(input.value));
  }});
  return {root: html('label', {class: 'slider'}, `${label} `, input, output), get value() { return Number(input.value); }};
}

function makeCheck(label, value, change) {
  const input = html('input', {type: 'checkbox', 'aria-label': label, onchange: () => change(input.checked)});
  input.checked = value;
  return {root: html('label', {class: 'check'}, input, ` ${label}`), get value() { return input.checked; }};
}

// A place on a matrix of shape() = [rows, columns]; buttons, arrows, Home, End and space move it, and show(row, column) follows.
function makePosition(root, shape, show) {
  let row = 0, column = 0, timer = null;
  const playing = () => timer !== null;
  function go(r, c) {
    const [rows, columns] = shape();
    [row, column] = [clamp(r, 0, Math.max(0, rows - 1)), clamp(c, 0, Math.max(0, columns - 1))];
    show(row, column);
  }
  function along(step) {
    const [rows, columns] = shape();
    const next = row * columns + column + step;
    if (next < 0 || next >= rows * columns) { pause(); return; }
    go(Math.floor(next / columns), next % columns);
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = '▶ play';
  }
  function toggle() {
    if (playing()) { pause(); return; }
    const [rows, columns] = shape();
    if (row * columns + column >= rows * columns - 1) go(0, 0);
    play.textContent = '❚❚ pause';
    timer = setInterval(() => (root.isConnected ? along(1) : pause()), 600);
  }
  const last = () => shape().map(n => n - 1);
  const button = (text, label, press) => html('button', {type: 'button', title: label, 'aria-label': label, onclick: press}, text);
  const play = button('▶ play', 'play or pause (space)', toggle);
  const still = press => () => { pause(); press(); };
  const buttons = html('span', {class: 'buttons'},
    button('⇤', 'to the first (Home)', still(() => go(0, 0))), button('←', 'one back', still(() => along(-1))),
    button('→', 'one on', still(() => along(1))), play);
  const keys = {
    ArrowLeft: () => go(row, column - 1), ArrowRight: () => go(row, column + 1), ArrowUp: () => go(row - 1, column),
    ArrowDown: () => go(row + 1, column), Home: () => go(0, 0), End: () => go(...last())};
  root.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('input, select')) return;
    const press = event.key === ' ' ? (event.target.closest('button') ? null : toggle) : keys[event.key] && still(keys[event.key]);
    if (!press) return;
    press();
    event.preventDefault();
    event.stopPropagation();
  });
  return {
    buttons,
    get row() { return row; }, get column() { return column; },
    pick: still(() => root.focus({preventScroll: true})),
    go, again() { go(row, column); }};
}

// The frame of a stepper. JupyterLab leaves keys alone inside an element with data-lm-suppress-shortcuts.
function makeFrame(el, name, label) {
  const root = html('div', {
    class: 'nico-stepper', 'data-stepper': name, tabindex: 0, role: 'group', 'data-lm-suppress-shortcuts': 'true',
    'aria-label': `${label}. Arrow keys move, space plays.`});
  el.append(root);
  return root;
}
const makeText = () => html('div', {class: 'arithmetic', 'aria-live': 'polite'});
const line = (kind, ...parts) => html('div', {class: kind}, ...parts);
const part = (kind, text) => html('span', {class: kind}, text);
const HINT = 'Click or point at a pixel; arrow keys move, space plays. Numbers are rounded to 4 digits.';
const BACKWARD_HINT = 'Click or point at an error to send it; point at a pixel of gx to see who sends to it. Arrow keys move, space plays.';
