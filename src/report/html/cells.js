// Makes the grid of outcomes: a cell for each pair of values of two parameters. Where an axis has very many values, a row or
// column stands for several of them in turn, so that the grid stays a few thousand cells.
(() => {
  const { data, make, duration, count, figure, collator, areNumbers, labelled } = page;
  const form = document.getElementById('axes');
  if (form === null) return;

  const most = { rows: 40, columns: 50 };
  const shades = 7;
  const marks = {
    ...{ FAILED: '✗', TIMEDOUT: 'T', HWFAILURE: 'N', CANCELLED: 'C', SKIPPED: '–', FINISHED: '✓', DRYRUN: 'D' },
  };
  const markOf = (name) => marks[name] ?? '…';

  const select = (title, options, value) => {
    const control = make('select', {}, ...options.map(([key, text]) => make('option', { value: key }, text)));
    control.value = value;
    form.append(labelled(title, control, 'axis-' + form.childElementCount));
    return control;
  };
  const params = data.params.map((name, i) => [i, name]);
  const rowsControl = select('Rows', [['', 'one row'], ...params], data.axes[0] ?? '');
  const columnsControl = select('Columns', params, data.axes[1]);
  const colourControl = select(
    'Colours',
    [['state', 'state'], ['ran', 'run time'], ...data.metrics.map(({ name }, i) => [i, name])],
    'state',
  );
  const inParams = data.rows.filter((row) => row.params.some((value) => value !== null));
  const stepsThere = [...new Set(inParams.map(({ step }) => step))];
  const stepControl = select('Steps', [['', 'all'], ...stepsThere.map((i) => [i, data.steps[i]])], '');
  stepControl.parentElement.hidden = stepsThere.length < 2;

  const shownValue = (value) => (value === '' ? '(empty)' : value);

  /** The values of an axis in their order, a few together where there are more than fit: the label of each value's place. */
  function axisOf(rows, param, mostPlaces) {
    if (param === '') return { title: '', labels: ['all'], placeOf: () => 0, size: 1 };
    const values = [...new Set(rows.map((row) => row.params[param]).filter((value) => value !== null))];
    values.sort(areNumbers(values) ? (a, b) => a - b : collator.compare);
    const size = Math.ceil(values.length / mostPlaces) || 1;
    const places = new Map(values.map((value, i) => [value, Math.floor(i / size)]));
    const labels = [];
    for (let i = 0; i < values.length; i += size) {
      const last = values[Math.min(i + size, values.length) - 1];
      labels.push(values[i] === last ? shownValue(last) : shownValue(values[i]) + ' to ' + shownValue(last));
    }
    return { title: data.params[param], labels, placeOf: (row) => places.get(row.params[param]), size };
  }

  /** How cells are coloured: by the value of a row that counts most, null if none has one. */
  function colouring() {
    const by = colourControl.value;
    if (by === 'state') return undefined;
    if (by === 'ran')
      return {
        of: (row) => row.ran,
        text: duration,
        title: 'Run time',
        what: 'run time',
        worst: 'longest',
        isHighWorse: true,
      };
    const { name, unit, better } = data.metrics[by];
    const isHighWorse = better !== 'higher';
    const text = (value) => figure(value) + (unit === '' ? '' : ' ' + unit);
    const isWorse = (row) => row.worse?.includes(Number(by)) ?? false;
    const worst = better === 'none' ? 'highest' : 'worst';
    return { of: (row) => row.values[by], text, short: figure, title: name, what: name, worst, isHighWorse, isWorse };
  }

  /** From values to shades, evenly or, where they differ by orders of magnitude, by their logarithms. */
  function scaleOf(values) {
    const [low, high] = values.reduce(
      ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
    const isLog = low > 0 && high / low > 50;
    const at = isLog ? Math.log : (value) => value;
    const width = at(high) - at(low) || 1;
    return {
      low,
      high,
      isLog,
      shade: (value) => Math.min(shades - 1, Math.floor((shades * (at(value) - at(low))) / width)),
    };
  }

  /** What is worst in a cell, and how many of its rows are in that state. */
  function worstState(rows) {
    const state = Math.min(...rows.map((row) => row.state));
    return { state: data.states[state], of: rows.filter((row) => row.state === state).length };
  }

  function worstValue(rows, { of, isHighWorse }) {
    const values = rows.map(of).filter((value) => value !== null);
    return values.length === 0 ? null : Math[isHighWorse ? 'max' : 'min'](...values);
  }

  /** The text in a cell, its class, and what it is called. */
  function shown(cell, colours, scale) {
    const { rows } = cell;
    const { state, of } = worstState(rows);
    const share =
      rows.length === 1 ? '' : of === rows.length ? ' ' + count(of) : ' ' + count(of) + '/' + count(rows.length);
    const states = rows.length === 1 ? state.name : count(of) + ' of ' + count(rows.length) + ' ' + state.name;
    if (colours === undefined) return { text: markOf(state.name) + share, style: 'cell-' + state.tone, told: states };
    const value = cell.value;
    if (value === null)
      return { text: markOf(state.name), style: 'tone-' + state.tone, told: 'no ' + colours.what + '; ' + states };
    const isWorse = colours.isWorse !== undefined && rows.some(colours.isWorse);
    const which = rows.length === 1 ? '' : colours.worst + ' of ' + count(rows.length) + ': ';
    return {
      text: (colours.short ?? colours.text)(value) + (isWorse ? ' !' : ''),
      style: 'shade-' + scale.shade(value) + (isWorse ? ' regressed' : ''),
      told: which + colours.text(value) + (isWorse ? ', worse than allowed' : '') + '; ' + states,
    };
  }

  const table = document.getElementById('grid-table');
  const note = document.getElementById('grid-note');
  const legend = document.getElementById('legend');
  /** The links of the cells by row and column; undefined where there is no instance. */
  let links = [];
  let cells = [];

  function draw() {
    const step = stepControl.value === '' ? undefined : Number(stepControl.value);
    const all = step === undefined ? inParams : inParams.filter((row) => row.step === step);
    const [down, across] = [axisOf(all, rowsControl.value, most.rows), axisOf(all, columnsControl.value, most.columns)];
    const colours = colouring();
    const nameOf = (y, x) =>
      [...(down.title === '' ? [] : [down.title + ' ' + down.labels[y]]), across.title + ' ' + across.labels[x]].join(
        ', ',
      );
    cells = down.labels.map(() => across.labels.map(() => undefined));
    let placed = 0;
    for (const row of all) {
      const [y, x] = [down.placeOf(row), across.placeOf(row)];
      if (y === undefined || x === undefined) continue;
      cells[y][x] ??= { name: nameOf(y, x), rows: [], value: null };
      cells[y][x].rows.push(row);
      placed += 1;
    }
    const there = cells.flat().filter((cell) => cell !== undefined);
    if (colours !== undefined) for (const cell of there) cell.value = worstValue(cell.rows, colours);
    const scale = scaleOf(there.map(({ value }) => value).filter((value) => value !== null));

    const title =
      (colours?.title ?? 'State') +
      ' by ' +
      (down.title === '' ? across.title : down.title + ' (down) and ' + across.title + ' (across)');
    const corner = down.title === '' ? across.title : down.title + ' \\ ' + across.title;
    const head = make('tr', {}, make('th', { scope: 'col' }, corner));
    for (const label of across.labels) head.append(make('th', { scope: 'col' }, label));
    links = cells.map(() => []);
    const lines = cells.map((line, y) => {
      const tr = make('tr', {}, make('th', { scope: 'row' }, down.labels[y]));
      for (const [x, cell] of line.entries()) {
        if (cell === undefined) {
          tr.append(make('td', {}));
          continue;
        }
        const { text, style, told } = shown(cell, colours, scale);
        const label = cell.name + ': ' + told;
        const link = make('a', { href: '#steps', tabindex: -1, class: style, title: label, 'aria-label': label }, text);
        link.dataset.y = y;
        link.dataset.x = x;
        links[y][x] = link;
        tr.append(make('td', {}, link));
      }
      return tr;
    });
    table.replaceChildren(make('caption', {}, title), make('thead', {}, head), make('tbody', {}, ...lines));
    const first = links.flat().find((link) => link !== undefined);
    if (first !== undefined) first.tabIndex = 0;
    tell({ placed, left: all.length - placed, axes: [down, across] });
    legend.replaceChildren(...(colours === undefined ? stateLegend(there) : valueLegend(scale, colours)));

    function tell({ placed, left, axes }) {
      const grouped = axes.filter(({ size }) => size > 1);
      note.textContent = [
        count(placed) +
          (placed === 1 ? ' instance' : ' instances') +
          ' in ' +
          count(there.length) +
          (there.length === 1 ? ' cell' : ' cells') +
          ', each as its worst.',
        ...(left === 0
          ? []
          : [count(left) + ' without these parameters ' + (left === 1 ? 'is' : 'are') + ' not in it.']),
        ...grouped.map(({ title, size }) => count(size) + ' values of ' + title + ' are together.'),
        'Arrow keys move from cell to cell; Enter shows the steps of a cell in the table below.',
      ].join(' ');
    }
  }

  function stateLegend(there) {
    const counts = new Map();
    for (const { rows } of there) for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
    return [...counts.entries()]
      .sort(([a], [b]) => a - b)
      .map(([index, number]) => {
        const { name, tone } = data.states[index];
        return make('li', {}, make('span', { class: 'swatch cell-' + tone }, markOf(name)), count(number) + ' ' + name);
      });
  }

  function valueLegend({ low, high, isLog }, { text, isWorse }) {
    if (low > high) return [make('li', {}, 'no values')];
    const swatches = Array.from({ length: shades }, (_, i) =>
      make('span', { class: 'swatch shade-' + i, 'aria-hidden': 'true' }),
    );
    return [
      make('li', {}, text(low) + ' ', ...swatches, ' ' + text(high) + (isLog ? ' (logarithmic)' : '')),
      ...(isWorse === undefined
        ? []
        : [make('li', {}, make('span', { class: 'swatch regressed' }, '!'), 'worse than allowed')]),
    ];
  }

  /** Each key of the grid: from a place, the next one in its direction, and where to stop. */
  const moves = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };

  /** The cell that a key leads to; undefined if there is none. */
  function target(y, x, { key, ctrlKey }) {
    const wanted = { Home: 0, End: -1 }[key];
    if (wanted !== undefined)
      return (ctrlKey ? links.flat() : links[y]).filter((link) => link !== undefined).at(wanted);
    const [down, right] = moves[key] ?? [];
    if (down === undefined) return undefined;
    for (
      let [i, j] = [y + down, x + right];
      cells[i] !== undefined && j >= 0 && j < cells[i].length;
      i += down, j += right
    )
      if (links[i][j] !== undefined) return links[i][j];
    return undefined;
  }

  const linkOf = (event) => event.target.closest('a[data-x]');

  table.addEventListener('keydown', (event) => {
    const link = linkOf(event);
    if (link === null || !(event.key in moves || event.key === 'Home' || event.key === 'End')) return;
    event.preventDefault();
    target(Number(link.dataset.y), Number(link.dataset.x), event)?.focus();
  });
  // Of all cells one is a stop of the tab key: the one that had the focus last.
  table.addEventListener('focusin', (event) => {
    const link = linkOf(event);
    if (link === null) return;
    for (const other of table.querySelectorAll('a[tabindex="0"]')) other.tabIndex = -1;
    link.tabIndex = 0;
  });
  table.addEventListener('click', (event) => {
    const link = linkOf(event);
    if (link === null) return;
    event.preventDefault();
    const { rows, name } = cells[link.dataset.y][link.dataset.x];
    page.showRows(rows, name);
  });

  // The same parameter cannot be both axes: the other one takes what this one had.
  let before = [rowsControl.value, columnsControl.value];
  form.addEventListener('input', () => {
    if (rowsControl.value === columnsControl.value) {
      if (rowsControl.value === before[0]) rowsControl.value = before[1];
      else columnsControl.value = before[0] === '' ? before[1] : before[0];
      if (rowsControl.value === columnsControl.value) rowsControl.value = '';
    }
    before = [rowsControl.value, columnsControl.value];
    draw();
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  draw();
})();
