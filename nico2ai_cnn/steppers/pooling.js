// Pooling: the window, and its largest pixel or its mean.

function render({model, el}) {
  const {inputs: pairs, method, ksize, stride, pad, cover_all} = model.get('scene');
  const inputs = new Map(pairs);
  const root = makeFrame(el, 'pooling', 'Pooling, step by step');
  const menu = makeMenu('input', [...inputs.keys()], restart);
  const methodMenu = makeMenu('method', ['max', 'average'], update);
  methodMenu.value = method;
  const sliders = {
    k: makeSlider('ksize', 1, Math.max(4, ksize), ksize, update), s: makeSlider('stride', 1, Math.max(4, stride), stride, update),
    p: makeSlider('padding', 0, Math.max(2, pad), pad, update)};
  const cover = makeCheck('cover_all', cover_all, update);
  const position = makePosition(root, () => [now.outH, now.outW], show);
  const grids = html('div', {class: 'grids'}), text = makeText(), status = html('div', {class: 'status'});
  root.append(html('div', {class: 'controls'}, menu.root, methodMenu.root, ...Object.values(sliders).map(each => each.root),
    cover.root, position.buttons), grids, status, line('hint', HINT));
  let now = null, channels = [];

  function restart() {
    channels = inputs.get(menu.value).map((_, c) => ({
      input: makeGrid('', {name: `input ${c}`, hover: reach, pick: at => { position.pick(); nearest(at); }}),
      output: makeGrid('', {name: `output ${c}`, hover: at => (at ? show(...at) : position.again()),
        pick: at => { position.pick(); position.go(...at); }})}));
    grids.replaceChildren(html('div', {class: 'lines'}, ...channels.map(({input, output}) =>
      html('div', {class: 'line'}, input.root, part('sign', '→'), output.root))), html('div', {class: 'right'}, text));
    update();
  }

  function update() {
    const x = inputs.get(menu.value), max = methodMenu.value === 'max';
    const [k, s, p] = [sliders.k.value, sliders.s.value, sliders.p.value];
    const [H, width] = [x[0].length, x[0][0].length];
    cover.root.hidden = !max;
    const more = max && cover.value ? s - 1 : 0;
    const out = length => Math.max(0, Math.floor((length + 2 * p - k + more) / s) + 1);
    now = {x, max, k, s, p, H, width, outH: out(H), outW: out(width), problem: ''};
    if (p >= k) now.problem = `Padding ${p} with a window of ${k}: windows at the border would hold no pixel at all. Padding must be smaller than ksize.`;
    else if (!now.outH || !now.outW) now.problem = `The ${k} x ${k} window is larger than the padded input, ${H + 2 * p} x ${width + 2 * p}. A smaller ksize or more padding fits.`;
    if (now.problem) now.outH = now.outW = 0;
    now.y = range(x.length).map(c => range(now.outH).map(i => range(now.outW).map(j => pooled(c, i, j).value)));
    draw();
    position.again();
  }
  const inside = (r, c) => r >= 0 && c >= 0 && r < now.H && c < now.width;
  // The window's pixels in reading order, as [row, column, value]; outside the image: max skips them, average takes zeros.
  function windowOf(c, i, j) {
    return range(now.k).flatMap(a => range(now.k).map(e => [i * now.s - now.p + a, j * now.s - now.p + e]))
      .filter(([row, column]) => !now.max || inside(row, column))
      .map(([row, column]) => [row, column, inside(row, column) ? now.x[c][row][column] : 0]);
  }
  function pooled(c, i, j) {
    const pixels = windowOf(c, i, j);
    if (!now.max) return {pixels, value: pixels.reduce((total, [, , v]) => total + v, 0) / now.k ** 2};
    const winner = pixels.reduce((best, each) => (best === null || each[2] > best[2] ? each : best), null);
    return {pixels, winner, value: winner ? winner[2] : -Infinity};
  }

  function draw() {
    const {x, H, width, p, k, s, outH, outW} = now, colour = scaleOf(x);
    const longest = Math.max(H, width) + 2 * p, size = Math.min(cellFor(longest), x.length > 1 ? 24 : 99);
    const read = new Set(range(outH).flatMap(i => range(outW).flatMap(j =>
      windowOf(0, i, j).map(([row, column]) => `${row},${column}`))));
    const unread = range(H).flatMap(r => range(width).map(c => [r, c])).filter(([r, c]) => outH && !read.has(`${r},${c}`));
    channels.forEach(({input, output}, c) => {
      const of = x.length > 1 ? `, channel ${c}` : '';
      input.title(`input${of}`);
      input.paint(H, width, (row, column) => (inside(row, column) ? x[c][row][column] : now.max ? null : 0), colour,
        {border: p, size, kindAt: (row, column) => (inside(row, column) ? '' : 'padding')});
      input.hatch(unread);
      output.title(outH ? `${now.max ? 'maximum' : 'average'}${of}, ${outH} x ${outW}` : 'no output');
      output.paint(outH, outW, (row, column) => now.y[c][row][column], colour, {size: Math.max(size, Math.min(36, cellFor(outH)))});
    });
    const more = now.max && cover.value ? ` + ${s} - 1` : '';
    const notes = now.problem ? [] : [`size: floor((${H} + 2·${p} - ${k}${more}) / ${s}) + 1 = ${outH}`];
    if (unread.length) notes.push(`hatched: ${unread.length} pixels that no window reads`);
    if (now.max && s > 1) notes.push(cover.value ? 'cover_all, as F.max_pooling_2d by default: a last window may hang over the edge' : 'without cover_all: windows only where they fit');
    if (p) notes.push(now.max ? 'light blue: padding, which never wins' : 'light blue: padding, zeros, which count');
    status.replaceChildren(notes.join(' · '));
  }

  function show(i, j) {
    if (now.problem) { text.replaceChildren(line('problem', now.problem)); return; }
    const lines = [line('where', `output (row ${i}, column ${j}):`)];
    channels.forEach(({input, output}, c) => {
      const {pixels, winner, value} = pooled(c, i, j);
      input.outline('reach', []);
      input.outline('window', [[i * now.s - now.p, j * now.s - now.p, now.k, now.k]]);
      input.outline('winner', winner ? [[winner[0], winner[1], 1, 1]] : []);
      output.outline('reach', []);
      output.outline('unit', [[i, j, 1, 1]]);
      const of = channels.length > 1 ? [part('of', `channel ${c}: `)] : [];
      const values = pixels.map(([, , v]) => v);
      lines.push(now.max
        ? line('products', ...of, `max(${values.map(v => write(v)).join(', ')}) = `, part('value', write(value)),
          winner ? ` from (row ${winner[0]}, column ${winner[1]})` : ': the window lies wholly outside')
        : line('products', ...of, `(${values.map(factor).join(' + ')}) / ${now.k ** 2} = `, part('value', write(value))));
    });
    text.replaceChildren(...lines);
  }

  function readers([row, column]) {
    return range(now.outH).flatMap(i => range(now.outW).map(j => [i, j])).filter(([i, j]) => {
      const [a, e] = [row - i * now.s + now.p, column - j * now.s + now.p];
      return a >= 0 && e >= 0 && a < now.k && e < now.k;
    });
  }
  function reach(at) {
    if (!at || now.problem) { position.again(); return; }
    const found = readers(at);
    const won = ({value}, [row, column]) => value && value[0] === row && value[1] === column;
    let wins = 0;
    channels.forEach(({input, output}, c) => {
      input.outline('window', []);
      input.outline('winner', []);
      input.outline('reach', [[...at, 1, 1]]);
      output.outline('unit', []);
      output.outline('reach', found.map(([i, j]) => [i, j, 1, 1]));
      wins += found.filter(([i, j]) => won({value: pooled(c, i, j).winner}, at)).length;
    });
    text.replaceChildren(line('where', `${inside(...at) ? 'input pixel' : 'padding'} (row ${at[0]}, column ${at[1]}) is read by ${found.length} of the ${now.outH * now.outW} windows` +
      (now.max ? ` and wins ${wins}` : '')));
  }
  function nearest(at) {
    const found = readers(at);
    if (found.length) position.go(...found[Math.floor(found.length / 2)]);
  }
  restart();
}

export default {render};
