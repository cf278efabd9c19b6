// Pooling backwards: the error goes to the pixel that won, or in equal parts to all of the window.

function render({model, el}) {
  const {x, gy, method, ksize: k, stride: s, pad: p} = model.get('scene');
  const [C, H, width, outH, outW] = [x.length, x[0].length, x[0][0].length, gy[0].length, gy[0][0].length];
  const max = method === 'max';
  const root = makeFrame(el, 'pooling-backward', 'Back-propagation through pooling');
  const accumulate = makeCheck('accumulate', true, () => position.again());
  const position = makePosition(root, () => [outH, outW], show);
  const text = makeText();
  const channels = range(C).map(c => ({
    input: makeGrid('', {name: `x ${c}`}), gx: makeGrid('', {name: `gx ${c}`, hover: at => collects(c, at)}),
    error: makeGrid('', {name: `gy ${c}`, pick: at => { position.pick(); position.go(...at); },
      hover: at => (at ? show(...at) : position.again())})}));
  const of = c => (C > 1 ? `, channel ${c}` : '');
  root.append(
    html('div', {class: 'controls'}, accumulate.root, position.buttons),
    html('div', {class: 'grids'}, html('div', {class: 'lines'}, ...channels.map(({input, error, gx}) =>
      html('div', {class: 'line'}, input.root, error.root, part('sign', '→'), gx.root))), html('div', {class: 'right'}, text)),
    line('status', max ? 'The ring marks the pixel that won in the forward pass; of equal pixels the first wins, as in Chainer on the CPU.'
      : 'Average pooling gave every pixel of the window the same weight, so each gets the same part of the error.'), line('hint', BACKWARD_HINT));

  const inside = (r, c) => r >= 0 && c >= 0 && r < H && c < width;
  function windowOf(i, j) {
    return range(k).flatMap(a => range(k).map(b => [i * s - p + a, j * s - p + b])).filter(([r, q]) => inside(r, q));
  }
  // Where the error of output (i, j) goes: [row, column, share of it].
  function receivers(c, i, j) {
    const pixels = windowOf(i, j);
    if (!max) return pixels.map(([r, q]) => [r, q, 1 / k ** 2]);
    const best = pixels.reduce((won, at) => (won === null || x[c][at[0]][at[1]] > x[c][won[0]][won[1]] ? at : won), null);
    return best ? [[...best, 1]] : [];
  }
  function gradient(c, from, to) {
    const gx = range(H).map(() => range(width).map(() => 0));
    for (let n = from; n < to; n++) {
      const [i, j] = [Math.floor(n / outW), n % outW];
      for (const [r, q, share] of receivers(c, i, j)) gx[r][q] += share * gy[c][i][j];
    }
    return gx;
  }
  const totals = range(C).map(c => gradient(c, 0, outH * outW));
  const colours = {x: scaleOf(x), gy: scaleOf(gy, true), gx: scaleOf([totals, gy], true)};
  const size = Math.min(cellFor(Math.max(H, width)), C > 1 ? 24 : 30);

  function show(i, j) {
    const n = i * outW + j, lines = [line('where', `step ${n + 1} of ${outH * outW}: the error of output (row ${i}, column ${j})`)];
    channels.forEach(({input, error, gx}, c) => {
      const before = gradient(c, 0, accumulate.value ? n : 0), after = accumulate.value ? gradient(c, 0, n + 1) : gradient(c, n, n + 1);
      const window = [i * s - p, j * s - p, k, k], goes = receivers(c, i, j), e = gy[c][i][j];
      input.title(`input x${of(c)}`);
      input.paint(H, width, (r, q) => x[c][r][q], colours.x, {size});
      error.title(`error gy${of(c)}`);
      error.paint(outH, outW, (r, q) => gy[c][r][q], colours.gy, {size: Math.max(size, Math.min(30, cellFor(outH)))});
      gx.title(`gx${of(c)}`);
      gx.paint(H, width, (r, q) => after[r][q], colours.gx, {size});
      input.outline('window', [window]);
      gx.outline('window', [window]);
      input.outline('winner', max ? goes.map(([r, q]) => [r, q, 1, 1]) : []);
      error.outline('unit', [[i, j, 1, 1]]);
      for (const [r, q, share] of goes) {
        lines.push(line('products', C > 1 ? `channel ${c}: ` : '', `gx (row ${r}, column ${q}): ${write(before[r][q])} + ${factor(e)}` +
          (share === 1 ? '' : `/${k ** 2}`) + ' = ', part('value', write(after[r][q]))));
      }
    });
    text.replaceChildren(...lines);
  }

  function collects(c, at) {
    if (!at) { position.again(); return; }
    const senders = range(outH).flatMap(i => range(outW).map(j => [i, j])).filter(([i, j]) =>
      receivers(c, i, j).some(([r, q]) => r === at[0] && q === at[1]));
    channels.forEach(({input, gx}) => { input.outline('window', []); input.outline('winner', []); gx.outline('window', []); });
    channels[c].gx.outline('reach', [[...at, 1, 1]]);
    channels[c].error.outline('unit', []);
    channels[c].error.outline('reach', senders.map(([i, j]) => [i, j, 1, 1]));
    const terms = senders.map(([i, j]) => factor(gy[c][i][j]) + (max ? '' : `/${k ** 2}`));
    text.replaceChildren(line('where', `gx${of(c)} (row ${at[0]}, column ${at[1]}) collects from ${senders.length} outputs. When all have sent:`),
      line('products', terms.join(' + ') || '0', ' = ', part('value', write(totals[c][at[0]][at[1]]))));
  }
  position.again();
}

export default {render};
