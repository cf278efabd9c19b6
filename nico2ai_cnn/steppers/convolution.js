// Convolution: the window, its products, their sum over the channels, the bias.

function render({model, el}) {
  const scene = model.get('scene'), {stride, pad, dilate} = scene;
  const inputs = new Map(scene.inputs), filters = new Map(scene.filters);
  const root = makeFrame(el, 'convolution', 'Convolution, step by step');
  const names = [[...inputs.keys()], [...filters.keys()]];
  const inputMenu = makeMenu('input', names[0], restart), filterMenu = makeMenu('filter', names[1], restart);
  const mapMenu = makeMenu('output map', [], restart), mapPlace = html('span', {}, mapMenu.root);
  const sliders = {
    stride: makeSlider('stride', 1, Math.max(4, stride), stride, update),
    pad: makeSlider('padding', 0, Math.max(4, pad), pad, update),
    dilate: makeSlider('dilation', 1, Math.max(3, dilate), dilate, update)};
  const position = makePosition(root, () => [now.outH, now.outW], show);
  const grids = html('div', {class: 'grids'}), text = makeText(), status = html('div', {class: 'status'});
  const below = html('div'), right = html('div', {class: 'right'});
  root.append(
    html('div', {class: 'controls'}, inputMenu.root, filterMenu.root, mapPlace,
      ...(scene.sliders ? Object.values(sliders).map(each => each.root) : []), position.buttons),
    grids, below, status, line('hint', HINT));
  let now = null, maps = mapMenu, inputGrids = [], filterGrids = [], outputGrid = null;

  function restart() {
    const {W} = filters.get(filterMenu.value);
    const labels = range(W.length).map(String);
    if (maps.labels !== String(labels)) {
      maps = makeMenu('output map', labels, restart);
      maps.labels = String(labels);
      mapPlace.replaceChildren(maps.root);
    }
    inputGrids = inputs.get(inputMenu.value).map((_, c) => makeGrid('', {
      name: `input ${c}`, hover: at => reach(at), pick: at => { position.pick(); nearest(at); }}));
    filterGrids = W[0].map((_, c) => makeGrid('', {name: `filter ${c}`}));
    outputGrid = makeGrid('', {
      name: 'output', hover: at => (at ? show(...at) : position.again()), pick: at => { position.pick(); position.go(...at); }});
    const lines = range(Math.max(inputGrids.length, filterGrids.length)).map(c => html('div', {class: 'line'},
      ...[inputGrids[c], filterGrids[c]].filter(Boolean).flatMap((each, i) => (i ? [part('sign', '×'), each.root] : [each.root]))));
    right.replaceChildren(outputGrid.root);
    grids.replaceChildren(html('div', {class: 'lines'}, ...lines), part('sign', '='), right);
    update();
  }

  function update() {
    const x = inputs.get(inputMenu.value), {W, b} = filters.get(filterMenu.value);
    const o = clamp(Number(maps.value || 0), 0, W.length - 1);
    const [s, p, d] = [sliders.stride.value, sliders.pad.value, sliders.dilate.value];
    const [H, width, kh, kw] = [x[0].length, x[0][0].length, W[o][0].length, W[o][0][0].length];
    const [spanH, spanW] = [d * (kh - 1) + 1, d * (kw - 1) + 1];
    const outH = Math.max(0, Math.floor((H + 2 * p - spanH) / s) + 1), outW = Math.max(0, Math.floor((width + 2 * p - spanW) / s) + 1);
    now = {x, W: W[o], b: b[o], s, p, d, H, width, kh, kw, spanH, spanW, outH, outW, problem: ''};
    if (x.length !== W[o].length) now.problem = `The input has ${channels(x.length)}, and this filter ${channels(W[o].length)}: a filter spans all channels of its input. Choose another pair.`;
    else if (!outH || !outW) now.problem = `The ${kh} x ${kw} filter${d > 1 ? `, its pixels ${d} apart,` : ''} spans ${spanH} x ${spanW}, and the padded input is only ${H + 2 * p} x ${width + 2 * p}: it fits nowhere. More padding${d > 1 ? ' or less dilation' : ''} would help.`;
    if (now.problem) now.outH = now.outW = 0;
    now.y = range(now.outH).map(i => range(now.outW).map(j => output(i, j)));
    (kw > 5 ? below : right).append(text);      // long products need the whole width
    draw();
    position.again();
  }
  const channels = n => (n === 1 ? 'one channel' : `${n} channels`);
  const inside = (r, c) => r >= 0 && c >= 0 && r < now.H && c < now.width;
  const pixel = (c, row, column) => (inside(row, column) ? now.x[c][row][column] : 0);
  function products(c, i, j) {
    return range(now.kh).map(a => range(now.kw).map(e =>
      [now.W[c][a][e], pixel(c, i * now.s - now.p + a * now.d, j * now.s - now.p + e * now.d)]));
  }
  const sum = pairs => pairs.flat().reduce((total, [w, v]) => total + w * v, 0);
  const output = (i, j) => range(now.x.length).reduce((total, c) => total + sum(products(c, i, j)), now.b);
  const reads = (length, k, out) => {
    const read = new Set();
    for (const i of range(out)) for (const a of range(k)) read.add(i * now.s - now.p + a * now.d);
    return range(length).map(r => read.has(r));
  };

  function draw() {
    const {x, W, H, width, kh, kw, p, s, outH, outW} = now;
    const longest = Math.max(H, width) + 2 * p, size = Math.min(cellFor(longest), x.length > 1 && longest <= 12 ? 26 : 99);
    const colour = scaleOf(x);
    const [readRows, readColumns] = [reads(H, kh, outH), reads(width, kw, outW)];
    const unread = range(H).flatMap(r => range(width).map(c => [r, c])).filter(([r, c]) => outH && !(readRows[r] && readColumns[c]));
    inputGrids.forEach((grid, c) => {
      grid.title(x.length > 1 ? `input, channel ${c}` : 'input');
      grid.paint(H, width, (row, column) => pixel(c, row, column), colour,
        {border: p, size, kindAt: (row, column) => (inside(row, column) ? '' : 'padding')});
      grid.hatch(unread);
    });
    const weights = scaleOf(W, true);
    filterGrids.forEach((grid, c) => {
      grid.title(W.length > 1 ? `filter, channel ${c}` : 'filter');
      grid.paint(kh, kw, (row, column) => W[c][row][column], weights, {size: Math.max(22, Math.min(cellFor(Math.max(kh, kw)), size + 8))});
    });
    outputGrid.title(outH ? `output, ${outH} x ${outW}` : 'no output');
    outputGrid.paint(outH, outW, (row, column) => now.y[row][column], scaleOf(now.y));
    const notes = [];
    if (!now.problem && scene.sliders) notes.push(`size: floor((${H} + 2·${p} - ${now.spanH}) / ${s}) + 1 = ${outH}` + (H === width && kh === kw ? '' : ` high, floor((${width} + 2·${p} - ${now.spanW}) / ${s}) + 1 = ${outW} wide`));
    if (unread.length) notes.push(`hatched: ${unread.length} pixels that no window reads`);
    if (p) notes.push('light blue: padding, zeros');
    if (kh % 2 === 0 || kw % 2 === 0) notes.push('an even filter has no middle pixel: at stride 1 no padding keeps the size');
    status.replaceChildren(notes.join(' · '));
  }

  function show(i, j) {
    if (now.problem) { text.replaceChildren(line('problem', now.problem)); return; }
    const {s, p, d, kh, kw} = now, [top, left] = [i * s - p, j * s - p];
    inputGrids.forEach(grid => {
      grid.outline('reach', []);
      grid.outline('window', [[top, left, now.spanH, now.spanW]]);
      grid.outline('tap', d > 1 ? range(kh).flatMap(a => range(kw).map(e => [top + a * d, left + e * d, 1, 1])) : []);
    });
    outputGrid.outline('reach', []);
    outputGrid.outline('unit', [[i, j, 1, 1]]);
    const sums = [], lines = [line('where', `output (row ${i}, column ${j}):`)];
    range(now.x.length).forEach(c => {
      const pairs = products(c, i, j);
      sums.push(sum(pairs));
      const written = pairs.map((row, a) => line('products',
        (a ? '+ ' : '') + row.map(([w, v]) => `${factor(w)}×${factor(v)}`).join(' + ')));
      lines.push(line('channel', ...(now.x.length > 1 ? [part('of', `channel ${c}:`)] : []),
        line('terms', ...written), line('sum', '= ', part('value', write(sums[c])))));
    });
    const biased = now.b !== 0;
    if (now.x.length > 1 || biased) {
      lines.push(line('total', sums.map((each, c) => (c ? ' + ' : '') + factor(each)).join(''),
        ...(biased ? [' + ', part('bias', factor(now.b)), ' (bias)'] : []), ' = ', part('value', write(now.y[i][j]))));
    }
    text.replaceChildren(...lines);
  }

  // The outputs whose windows read one input pixel.
  function readers([row, column]) {
    return range(now.outH).flatMap(i => range(now.outW).map(j => [i, j])).filter(([i, j]) => {
      const [a, e] = [row - i * now.s + now.p, column - j * now.s + now.p];
      return a >= 0 && e >= 0 && a < now.spanH && e < now.spanW && a % now.d === 0 && e % now.d === 0;
    });
  }
  function reach(at) {
    if (!at || now.problem) { position.again(); return; }
    const found = readers(at);
    inputGrids.forEach(grid => { grid.outline('window', []); grid.outline('tap', []); grid.outline('reach', [[...at, 1, 1]]); });
    outputGrid.outline('unit', []);
    outputGrid.outline('reach', found.map(([i, j]) => [i, j, 1, 1]));
    const what = inside(...at) ? 'input pixel' : 'padding';
    text.replaceChildren(line('where', `${what} (row ${at[0]}, column ${at[1]}) is read by ${found.length} of the ${now.outH * now.outW} outputs` +
      (found.length ? ', outlined' : '')));
  }
  function nearest(at) {
    const found = readers(at);
    if (found.length) position.go(...found[Math.floor(found.length / 2)]);
  }
  restart();
}

export default {render};
