// Convolution backwards: one output's error goes to the pixels that its window read, times the weights, and to the weights, times the pixels.

function render({model, el}) {
  const {x, W, gy, stride: s, pad: p, dilate: d} = model.get('scene');
  const [C, H, width, O, kh, kw] = [x.length, x[0].length, x[0][0].length, W.length, W[0][0].length, W[0][0][0].length];
  const [outH, outW] = [gy[0].length, gy[0][0].length];
  const root = makeFrame(el, 'convolution-backward', 'Back-propagation through a convolution');
  const mapMenu = makeMenu('output map', range(O).map(String), o => position.go(Number(o) * outH, 0));
  const accumulate = makeCheck('accumulate', true, () => position.again());
  const position = makePosition(root, () => [O * outH, outW], show);
  const text = makeText();
  const error = makeGrid('', {name: 'gy', pick: at => { position.pick(); position.go(mapNow() * outH + at[0], at[1]); },
    hover: at => (at ? show(mapNow() * outH + at[0], at[1]) : position.again())});
  const lines = range(C).map(c => ({
    weights: makeGrid('', {name: `W ${c}`}), gx: makeGrid('', {name: `gx ${c}`, hover: at => collects(c, at)}),
    input: makeGrid('', {name: `x ${c}`}), gW: makeGrid('', {name: `gW ${c}`})}));
  const of = c => (C > 1 ? `, channel ${c}` : '');
  const group = (...grids) => html('div', {class: 'line'}, ...grids);
  root.append(
    html('div', {class: 'controls'}, mapMenu.root, accumulate.root, position.buttons),
    html('div', {class: 'grids'}, error.root, html('div', {class: 'lines'}, ...lines.map(each => html('div', {class: 'pairs'},
      group(each.weights.root, part('sign', '→'), each.gx.root), group(each.input.root, part('sign', '→'), each.gW.root)))),
    html('div', {class: 'right'}, text)),
    line('status', p ? 'light blue: padding; the error that lands there is dropped' : ''), line('hint', BACKWARD_HINT));
  const mapNow = () => Math.floor(position.row / outH);
  const zeros = (...shape) => (shape.length ? range(shape[0]).map(() => zeros(...shape.slice(1))) : 0);
  const inside = (r, c) => r >= 0 && c >= 0 && r < H && c < width;
  const pixel = (c, row, column) => (inside(row, column) ? x[c][row][column] : 0);
  const total = gradients(0, O * outH * outW);
  const colours = {x: scaleOf(x), W: scaleOf(W, true), gy: scaleOf(gy, true), gx: scaleOf(total.gx, true), gW: scaleOf(total.gW, true)};

  // The gradients that the outputs `from` to `to` (in reading order, map after map) send; gx has the padding around it.
  function gradients(from, to) {
    const result = {gx: zeros(C, H + 2 * p, width + 2 * p), gW: zeros(O, C, kh, kw), gb: zeros(O)};
    for (let n = from; n < to; n++) {
      const [o, i, j] = [Math.floor(n / (outH * outW)), Math.floor(n / outW) % outH, n % outW], e = gy[o][i][j];
      result.gb[o] += e;
      for (const c of range(C)) for (const a of range(kh)) for (const b of range(kw)) {
        const [row, column] = [i * s + a * d, j * s + b * d];
        result.gx[c][row][column] += e * W[o][c][a][b];
        result.gW[o][c][a][b] += e * pixel(c, row - p, column - p);
      }
    }
    return result;
  }
  const kindAt = (row, column) => (inside(row, column) ? '' : 'padding');
  const size = Math.min(cellFor(Math.max(H, width) + 2 * p), C > 1 ? 24 : 28);

  function show(R, j) {
    const [o, i] = [Math.floor(R / outH), R % outH], n = R * outW + j, e = gy[o][i][j];
    const before = accumulate.value ? gradients(0, n) : gradients(0, 0);
    const after = accumulate.value ? gradients(0, n + 1) : gradients(n, n + 1);
    mapMenu.value = String(o);
    const [top, left] = [i * s - p, j * s - p], window = [top, left, d * (kh - 1) + 1, d * (kw - 1) + 1];
    error.title(`error gy${O > 1 ? `, map ${o}` : ''}`);
    error.paint(outH, outW, (r, c) => gy[o][r][c], colours.gy, {size});
    error.outline('unit', [[i, j, 1, 1]]);
    lines.forEach(({weights, gx, input, gW}, c) => {
      weights.title(`filter W${of(c)}`);
      weights.paint(kh, kw, (a, b) => W[o][c][a][b], colours.W, {size: Math.max(22, size)});
      gx.title(`gx${of(c)}`);
      gx.paint(H, width, (r, q) => after.gx[c][r + p][q + p], colours.gx, {border: p, size, kindAt});
      input.title(`input x${of(c)}`);
      input.paint(H, width, (r, q) => pixel(c, r, q), colours.x, {border: p, size, kindAt});
      gW.title(`gW${of(c)}`);
      gW.paint(kh, kw, (a, b) => after.gW[o][c][a][b], colours.gW, {size: Math.max(22, size)});
      gx.outline('window', [window]);
      input.outline('window', [window]);
    });
    const tables = Math.max(kh, kw) > 5 ? [] : range(C).flatMap(c => [
      table(`gx${of(c)}: what was there + error × weight`, (a, b) => [before.gx[c][top + p + a * d][left + p + b * d], W[o][c][a][b], after.gx[c][top + p + a * d][left + p + b * d]], e),
      table(`gW${of(c)}: what was there + error × pixel`, (a, b) => [before.gW[o][c][a][b], pixel(c, top + a * d, left + b * d), after.gW[o][c][a][b]], e)]);
    text.replaceChildren(
      line('where', `step ${n + 1} of ${O * outH * outW}: the error `, part('error', write(e)), ` of output (row ${i}, column ${j})${O > 1 ? ` of map ${o}` : ''}`),
      ...tables, line('total', `gb: ${write(before.gb[o])} + ${factor(e)} = `, part('value', write(after.gb[o]))));
  }
  function table(title, termsAt, e) {
    return html('div', {class: 'terms'}, line('of', title), html('table', {}, ...range(kh).map(a => html('tr', {}, ...range(kw).map(b => {
      const [was, times, is] = termsAt(a, b);
      return html('td', {}, `${write(was)} + ${factor(e)}×${factor(times)} = `, part('value', write(is)));
    })))));
  }

  // Which outputs sent their errors to one pixel, and how they add up.
  function collects(c, at) {
    if (!at) { position.again(); return; }
    const terms = [], o = mapNow(), senders = [];
    for (const q of range(O)) for (const i of range(outH)) for (const j of range(outW)) {
      const [a, b] = [at[0] - i * s + p, at[1] - j * s + p];
      if (a < 0 || b < 0 || a % d || b % d || a / d >= kh || b / d >= kw) continue;
      terms.push(`${factor(gy[q][i][j])}×${factor(W[q][c][a / d][b / d])}`);
      if (q === o) senders.push([i, j, 1, 1]);
    }
    lines.forEach(({gx, input}) => { gx.outline('window', []); input.outline('window', []); });
    lines[c].gx.outline('reach', [[...at, 1, 1]]);
    error.outline('unit', []);
    error.outline('reach', senders);
    const value = total.gx[c][at[0] + p][at[1] + p];
    text.replaceChildren(line('where', `gx${of(c)} (row ${at[0]}, column ${at[1]}) collects from ${terms.length} outputs${inside(...at) ? '' : '; it is padding, and dropped'}. When all have sent:`),
      line('products', terms.join(' + ') || '0', ' = ', part('value', write(value))));
  }
  position.again();
}

export default {render};
