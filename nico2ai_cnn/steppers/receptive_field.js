// Receptive fields: what one unit sees in every layer before it, and whom one pixel reaches in every layer after it.

function render({model, el}) {
  const {layers, shape, x} = model.get('scene');
  const levels = [{name: 'input', size: shape}, ...layers];
  const root = makeFrame(el, 'receptive-field', 'Receptive fields');
  const menu = makeMenu('unit of', layers.map(each => each.name), name => choose(1 + layers.findIndex(each => each.name === name)));
  const position = makePosition(root, () => levels[level].size, show);
  const text = makeText();
  let level = layers.length;
  const grids = levels.map(({name, size}, n) => makeGrid(`${name}, ${size[0]} x ${size[1]}`, {
    name, pick: at => { if (n) { position.pick(); choose(n, at); } }, hover: at => (at ? (n ? show(...at, n) : reaches(at)) : position.again())}));
  root.append(html('div', {class: 'controls'}, menu.root, position.buttons), html('div', {class: 'grids'}, ...grids.map(each => each.root)),
    text, line('hint', 'Click or point at a unit of any layer, or at a pixel of the input; arrow keys move, space plays.'));
  menu.value = layers[level - 1].name;
  const picture = x ? scaleOf(x) : null;
  levels.forEach(({size}, n) => {
    const longest = Math.max(...size), cell = Math.max(1, Math.min(14, Math.floor(240 / longest)));
    grids[n].paint(...size, (row, column) => (n === 0 && x ? x[row][column] : null), picture, {size: cell});
  });

  function choose(n, at) {
    level = n;
    menu.value = levels[n].name;
    position.go(...(at ?? levels[n].size.map(length => Math.floor(length / 2))));
  }
  // For every level down to the input, the sorted positions (along one axis; outside the map is padding) that unit `at` of level n sees.
  const known = new Map();
  function fieldOf(n, at) {
    const key = `${n} ${at}`;
    if (!known.has(key)) {
      const fields = {[n]: [at]};
      for (let m = n; m > 0; m--) {
        const {ksize: k, stride: s, pad: p, dilate: d} = levels[m];
        fields[m - 1] = [...new Set(fields[m].flatMap(unit => range(k).map(a => unit * s - p + a * d)))].sort((a, b) => a - b);
      }
      known.set(key, fields);
    }
    return known.get(key);
  }
  // Sorted positions as [first, length] of each unbroken run.
  function runs(positions) {
    const found = [];
    for (const at of positions) {
      const last = found.at(-1);
      if (last && last[0] + last[1] === at) last[1]++;
      else found.push([at, 1]);
    }
    return found;
  }
  const boxes = (rows, columns) => runs(rows).flatMap(([top, high]) => runs(columns).map(([left, wide]) => [top, left, high, wide]));
  const within = (positions, length) => positions.filter(at => at >= 0 && at < length);

  function show(row, column, n = level) {
    grids.forEach(grid => { grid.outline('window', []); grid.outline('unit', []); grid.outline('reach', []); });
    const [rows, columns] = [fieldOf(n, row), fieldOf(n, column)];
    grids[n].outline('unit', [[row, column, 1, 1]]);
    const said = range(n).reverse().map(m => {
      const seen = [within(rows[m], levels[m].size[0]), within(columns[m], levels[m].size[1])];
      grids[m].outline('window', boxes(...seen));
      const ends = [rows[m][0], rows[m].at(-1), columns[m][0], columns[m].at(-1)];
      const [high, wide] = [ends[1] - ends[0] + 1, ends[3] - ends[2] + 1];
      const gaps = rows[m].length < high || columns[m].length < wide;
      const cut = rows[m].length > seen[0].length || columns[m].length > seen[1].length;
      return html('tr', {'data-level': levels[m].name}, html('td', {}, levels[m].name), html('td', {class: 'field'}, `${high} x ${wide}`),
        html('td', {class: 'span'}, `rows ${ends[0]} to ${ends[1]}, columns ${ends[2]} to ${ends[3]}`),
        html('td', {}, [cut ? 'part of it is padding' : '', gaps ? 'with gaps that it does not see' : ''].filter(Boolean).join('; ')));
    });
    const jump = range(n).reduce((product, m) => product * levels[m + 1].stride, 1);
    text.replaceChildren(line('where', `${levels[n].name} (row ${row}, column ${column}) sees`), html('table', {}, ...said),
      line('total', 'jump: its neighbour sees the same, ', part('value', String(jump)), jump === 1 ? ' pixel further' : ' pixels further'));
  }

  function reaches([row, column]) {
    grids.forEach(grid => { grid.outline('window', []); grid.outline('unit', []); grid.outline('reach', []); });
    grids[0].outline('unit', [[row, column, 1, 1]]);
    const said = range(layers.length).map(i => {
      const n = i + 1;
      const found = axis => range(levels[n].size[axis]).filter(unit => fieldOf(n, unit)[0].includes([row, column][axis]));
      const [rows, columns] = [found(0), found(1)];
      grids[n].outline('reach', boxes(rows, columns));
      return html('tr', {'data-level': levels[n].name}, html('td', {}, levels[n].name),
        html('td', {class: 'field'}, rows.length && columns.length ? `${rows.length} x ${columns.length} units` : 'none'));
    });
    text.replaceChildren(line('where', `input pixel (row ${row}, column ${column}) can reach`), html('table', {}, ...said));
  }
  choose(level);
}

export default {render};
