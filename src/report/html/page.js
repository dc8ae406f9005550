// Makes the table of steps from the data that the page holds, and lets the nodes of the graph choose in it.
(() => {
  const { data, make, duration, count, figure, collator, areNumbers, labelled } = page;
  if (data.rows.length === 0) return;

  const rowsOnPage = 100;
  /** More parameters than this get no column, nor do more metrics; more values of a parameter, no list to choose from. */
  const mostColumns = 6;
  const mostMetrics = 4;
  const mostChoices = 300;

  /** Of merged reports: the names of the machines. A row has a cell for each, null where it does not have the step. */
  const machines = data.machines;

  const stateColumn = { title: 'State', key: (row) => row.state, cell: stateCell };
  const runColumns = [
    { title: 'Waited', isNumeric: true, key: (row) => row.waited, cell: (row) => durationCell(row.waited) },
    { title: 'Ran', isNumeric: true, key: (row) => row.ran, cell: (row) => durationCell(row.ran) },
    ...(data.rows.some((row) => row.restarts > 0)
      ? [
          {
            title: 'Restarts',
            isNumeric: true,
            key: (row) => row.restarts,
            cell: (row) => digits(String(row.restarts)),
          },
        ]
      : []),
    ...data.metrics.slice(0, mostMetrics).map(metricColumn),
    { title: 'Reason', key: (row) => row.reason || null, cell: (row) => make('td', { class: 'reason' }, row.reason) },
  ];

  /** Each column: what it is sorted by, what is in its cells, and whether those are aligned as numbers. */
  const columns = [
    { title: 'Step', key: (row) => row.name },
    ...(machines === undefined ? [stateColumn] : []),
    ...(data.causes.length === 0
      ? []
      : [{ title: 'Cause', key: causeOf, cell: (row) => make('td', {}, causeOf(row) ?? '') }]),
    ...data.params.slice(0, mostColumns).map((title, i) => ({ title, ...parameterColumn(i) })),
    ...(machines === undefined ? runColumns : machines.map(machineColumn)),
  ];

  /** How a step went on a machine: by how long it ran there it is sorted. */
  function machineColumn(title, i) {
    return {
      title,
      isMachine: true,
      key: ({ cells }) => cells[i]?.ran ?? null,
      cell: ({ cells }) => make('td', { class: 'on-machine' }, ...(cells[i] === null ? [] : stateAndTime(cells[i]))),
    };
  }

  /** A value that is worse than allowed has a sign, because a colour alone says nothing to many. */
  function metricColumn({ name, unit }, i) {
    const cell = (row) => {
      const value = row.values[i];
      const td = digits(value === null ? '' : figure(value));
      if (row.worse?.includes(i)) td.append(make('strong', { class: 'tone-bad', title: 'worse than allowed' }, ' !'));
      return td;
    };
    return { title: unit === '' ? name : name + ' (' + unit + ')', isNumeric: true, key: (row) => row.values[i], cell };
  }

  /** Why it did not finish; null if it did. */
  function causeOf({ cause }) {
    return cause === undefined ? null : data.causes[cause];
  }

  /** The mark is text, because a colour alone says nothing to many. */
  function stateAndTime({ state, ran }) {
    const { name, tone } = data.states[state];
    const time = ran === null ? '' : duration(ran);
    const words = name === 'FINISHED' && time !== '' ? time : (name + ' ' + time).trim();
    return [make('span', { class: 'dot fill-' + tone, title: name }), words];
  }

  function stateCell(row) {
    const state = data.states[row.state];
    return make('td', { class: 'state' }, make('span', { class: 'dot fill-' + state.tone }), state.name);
  }

  function digits(text) {
    return make('td', { class: 'digits' }, text);
  }

  function durationCell(milliseconds) {
    return digits(milliseconds === null ? '' : duration(milliseconds));
  }

  function parameterColumn(i) {
    const isNumeric = areNumbers(data.rows.map(({ params }) => params[i]).filter((text) => text !== null));
    return {
      isNumeric,
      key: ({ params }) => (isNumeric && params[i] !== null ? Number(params[i]) : params[i]),
      cell: ({ params }) => make('td', isNumeric ? { class: 'digits' } : {}, params[i] ?? ''),
    };
  }

  /** In ascending order of what a column is sorted by; rows without it come last, whichever the direction. */
  function sorted(rows, { key }, isDescending) {
    const keyed = rows.map((row) => ({ row, value: key(row) }));
    const sign = isDescending ? -1 : 1;
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      return sign * (typeof a.value === 'number' ? a.value - b.value : collator.compare(a.value, b.value));
    });
    return keyed.map(({ row }) => row);
  }

  /** A filter: what it has to offer, and whether it lets a row pass. */
  function field(title, control, passes) {
    control.addEventListener('input', () => show({ page: 0 }));
    return { title, control, passes };
  }

  function search(title, textOf) {
    const control = make('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' });
    return field(title, control, (row) => textOf(row).includes(control.value.toLowerCase()));
  }

  /**
   * A list of what there is, with how many rows have it. Its options' values are places in the list: a text may be empty.
   *
   * @param indexesOf the places of what a row has
   */
  function choice(title, values, indexesOf) {
    const counts = values.map(() => 0);
    for (const row of data.rows) for (const index of indexesOf(row)) counts[index] += 1;
    const control = make('select', {}, make('option', { value: '' }, 'any'));
    for (const [i, value] of values.entries())
      control.append(make('option', { value: i }, value + ' (' + count(counts[i]) + ')'));
    return field(title, control, (row) => control.value === '' || indexesOf(row).includes(Number(control.value)));
  }

  function parameterFilter(title, i) {
    const values = [...new Set(data.rows.map(({ params }) => params[i]).filter((value) => value !== null))].sort(
      collator.compare,
    );
    if (values.length > mostChoices) return search(title, ({ params }) => (params[i] ?? '').toLowerCase());
    const indexes = new Map(values.map((value, index) => [value, index]));
    return choice(title, values, ({ params }) => (params[i] === null ? [] : [indexes.get(params[i])]));
  }

  for (const [index, row] of data.rows.entries()) {
    row.index = index;
    row.text = [row.name, row.reason, ...row.params, ...(row.cells ?? []).map((cell) => cell?.reason)]
      .join('\n')
      .toLowerCase();
  }

  const textFilter = search('Text in name, parameters, reason', (row) => row.text);
  const machineFilter = machines && choice('Machine', machines, machinesOf);
  const stateFilter = choice(
    'State',
    data.states.map(({ name }) => name),
    statesOf,
  );
  const stepFilter = choice('Step', data.steps, (row) => [row.step]);
  const causeFilter =
    data.causes.length === 0
      ? undefined
      : choice('Cause', data.causes, ({ cause }) => (cause === undefined ? [] : [cause]));
  // What a cell of the grid stands for. The field is there while it has something.
  let chosen = new Set();
  const gridControl = make('input', { type: 'text', readonly: '' });
  const gridFilter = field('Chosen in the grid', gridControl, (row) => gridControl.value === '' || chosen.has(row));
  const filters = [
    ...[textFilter, stateFilter, causeFilter, machineFilter, stepFilter],
    ...[...data.params.map(parameterFilter), gridFilter],
  ].filter((filter) => filter !== undefined);

  /** The states that a row has: on the machine that is chosen, if one is. */
  function statesOf({ state, cells }) {
    if (machines === undefined) return [state];
    const chosen = machineFilter?.control.value ?? '';
    const looked = chosen === '' ? cells : [cells[chosen]];
    return [...new Set(looked.flatMap((cell) => (cell === null ? [] : [cell.state])))];
  }

  function machinesOf({ cells }) {
    return cells.flatMap((cell, i) => (cell === null ? [] : [i]));
  }

  /**
   * What the table shows: the column that orders it, undefined for the study's own order, in which what wants attention comes
   * first if there are more rows than on a page; the page; which rows are opened.
   */
  const view = { column: undefined, isDescending: false, page: 0 };
  const opened = new Set();

  const table = document.getElementById('table');
  const [head, body] = [table.tHead, table.tBodies[0]];
  const pages = document.getElementById('pages');

  /** Brings the page up to date, after a change of the view. */
  function show(change) {
    Object.assign(view, change);
    const passing = data.rows.filter((row) => filters.every(({ passes }) => passes(row)));
    const byRank = () => (passing.length > rowsOnPage ? sorted(passing, { key: (row) => row.rank }, false) : passing);
    const rows = view.column === undefined ? byRank() : sorted(passing, view.column, view.isDescending);
    const first = view.page * rowsOnPage;
    const last = Math.min(rows.length, first + rowsOnPage);
    body.replaceChildren(...rows.slice(first, last).flatMap(tableRow));
    gridControl.parentElement.hidden = gridControl.value === '';
    const all = rows.length === data.rows.length ? '' : '; ' + count(data.rows.length) + ' in all';
    document.getElementById('shown').textContent =
      rows.length === 0
        ? 'No step matches' + all
        : 'Steps ' +
          count(first + 1) +
          ' to ' +
          count(last) +
          ' of ' +
          count(rows.length) +
          (all && ' that match' + all);
    const lastPage = Math.max(0, Math.ceil(rows.length / rowsOnPage) - 1);
    pages.hidden = lastPage === 0;
    for (const button of pages.querySelectorAll('button')) {
      const page = { first: 0, previous: view.page - 1, next: view.page + 1, last: lastPage }[button.value];
      button.disabled = page < 0 || page > lastPage || page === view.page;
      button.onclick = () => show({ page });
    }
    pages.querySelector('span').textContent = 'Page ' + count(view.page + 1) + ' of ' + count(lastPage + 1);
    for (const [i, cell] of [...head.rows[0].cells].entries()) {
      const isSorted = columns[i] === view.column;
      cell.setAttribute('aria-sort', isSorted ? (view.isDescending ? 'descending' : 'ascending') : 'none');
    }
  }

  /** A row, and the one below it that says more if it is opened. */
  function tableRow(row) {
    const button = make(
      'button',
      { type: 'button', 'aria-expanded': 'false' },
      make('bdi', { class: 'name' }, row.name),
    );
    const line = make('tr', {}, make('th', { scope: 'row' }, button), ...columns.slice(1).map(({ cell }) => cell(row)));
    const more = make('tr', { class: 'more', id: 'more-' + row.index });
    more.hidden = true;
    const open = (isOpen) => {
      if (isOpen && more.childElementCount === 0)
        more.append(make('td', { colspan: columns.length }, description(row)));
      more.hidden = !isOpen;
      button.setAttribute('aria-expanded', isOpen);
      if (isOpen) opened.add(row);
      else opened.delete(row);
    };
    button.setAttribute('aria-controls', more.id);
    button.addEventListener('click', () => open(more.hidden));
    open(opened.has(row));
    return [line, more];
  }

  function description(row) {
    const list = make('dl', {});
    const add = (title, ...content) => list.append(make('div', {}, make('dt', {}, title), make('dd', {}, ...content)));
    if (row.line !== undefined) add('Defined', 'line ' + row.line + ' of the spec');
    for (const [i, title] of data.params.entries()) {
      if (i >= mostColumns && row.params[i] !== null) add(title, row.params[i]);
    }
    for (const [title, text] of row.more) add(title, make('code', {}, text));
    for (const [i, cell] of (row.cells ?? []).entries()) if (cell !== null) add(machines[i], ...onMachine(cell));
    if (row.failure) add('Said last', make('a', { href: '#failure-' + row.index }, 'the end of its stderr'));
    return list;
  }

  /** What a row that is opened says of a machine. */
  function onMachine(cell) {
    const reason = cell.reason ? [': ' + cell.reason] : [];
    const link = cell.failure ? [' (', make('a', { href: '#' + cell.failure }, 'the end of its stderr'), ')'] : [];
    return [...stateAndTime(cell), ...reason, ...link];
  }

  /** Sets the filters so that only a step of the spec, or one of its instances, is left. */
  function chooseOnly({ step, name }) {
    for (const { control } of filters) control.value = '';
    const index = data.steps.indexOf(step);
    stepFilter.control.value = index === -1 ? '' : index;
    textFilter.control.value = name;
    show({ page: 0 });
  }

  /** Leaves the rows that a cell of the grid stands for. A single one is opened and has the focus, else the heading has it. */
  page.showRows = (rows, label) => {
    for (const { control } of filters) control.value = '';
    chosen = new Set(rows);
    gridControl.value = label;
    if (rows.length === 1) opened.add(rows[0]);
    show({ page: 0 });
    const heading = document.getElementById('steps');
    heading.scrollIntoView();
    (rows.length === 1 ? body.querySelector('button') : heading).focus({ preventScroll: true });
  };

  const form = document.getElementById('filters');
  for (const [i, { title, control }] of filters.entries()) {
    form.append(labelled(title, control, 'filter-' + i));
  }
  form.append(make('button', { type: 'reset' }, 'Clear'));
  form.addEventListener('submit', (event) => event.preventDefault());
  // The fields are empty only after this event.
  form.addEventListener('reset', () => setTimeout(() => show({ page: 0 })));

  const heads = columns.map((column) => {
    const button = make('button', { type: 'button' }, column.title);
    button.addEventListener('click', () => {
      // Ascending, descending, then the study's own order again.
      if (view.column !== column) show({ column, isDescending: false, page: 0 });
      else if (!view.isDescending) show({ isDescending: true, page: 0 });
      else show({ column: undefined, isDescending: false, page: 0 });
    });
    return make(
      'th',
      { scope: 'col', class: column.isNumeric ? 'digits' : column.isMachine ? 'on-machine' : undefined },
      button,
    );
  });
  head.append(make('tr', {}, ...heads));
  for (const [value, title] of [
    ['first', 'First'],
    ['previous', 'Previous'],
    ['next', 'Next'],
    ['last', 'Last'],
  ]) {
    if (value === 'next') pages.append(make('span', {}));
    pages.append(make('button', { type: 'button', value }, title));
  }
  show({});

  // A node of the graph chooses its step, or its one instance, and goes to the table.
  for (const node of document.querySelectorAll('.graph .node')) {
    node.addEventListener('click', (event) => {
      event.preventDefault();
      chooseOnly({ step: node.dataset.step, name: node.dataset.name });
      const heading = document.getElementById('steps');
      heading.scrollIntoView();
      heading.focus({ preventScroll: true });
    });
  }

  // A link to a failure opens it.
  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
  addEventListener('hashchange', openTarget);
  openTarget();
  document.documentElement.classList.add('scripted');
})();
