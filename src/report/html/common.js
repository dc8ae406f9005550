// What the scripts of the report's page share: the data that the page holds, and how texts and numbers get into it.
// biome-ignore lint/suspicious/noRedundantUseStrict: the page has it as a script, not as a module
'use strict';
// biome-ignore lint/correctness/noUnusedVariables: the scripts behind it use it
const page = (() => {
  const data = JSON.parse(document.getElementById('data').textContent);

  /** An element with attributes, and with texts and elements in it. Texts of others get into the page here, as text alone. */
  function make(tag, attributes, ...content) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined) element.setAttribute(name, value);
    }
    element.append(...content);
    return element;
  }

  /** '0.4s', '3m 05s', '2h 07m', '4d 06h'; as in the rest of the page. */
  function duration(milliseconds) {
    const seconds = milliseconds / 1000;
    if (seconds < 9.95) return seconds.toFixed(1) + 's';
    const whole = Math.round(seconds);
    const two = (value) => String(Math.floor(value)).padStart(2, '0');
    if (whole < 60) return whole + 's';
    if (whole < 3600) return Math.floor(whole / 60) + 'm ' + two(whole % 60) + 's';
    if (whole < 86400) return Math.floor(whole / 3600) + 'h ' + two((whole % 3600) / 60) + 'm';
    return Math.floor(whole / 86400) + 'd ' + two((whole % 86400) / 3600) + 'h';
  }

  const count = (number) => number.toLocaleString('en');

  /** A measured value: four digits that count. */
  const figure = (value) => String(Number(value.toPrecision(4)));

  const collator = new Intl.Collator('en', { numeric: true });

  /** Parameters are texts; where all of them are numbers they are sorted as such. */
  const areNumbers = (texts) => texts.every((text) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text));

  /** A list to choose from, under a label. */
  function labelled(title, control, id) {
    control.id = id;
    return make('div', {}, make('label', { for: id }, title), control);
  }

  return { data, make, duration, count, figure, collator, areNumbers, labelled, showRows: undefined };
})();
