import { tableScript } from './table-script.js';

/** The page's script: it makes the table of steps, from the data that the page holds, and lets the graph's nodes choose in it. */
export const pageScript = `'use strict';
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
if (data.rows.length === 0) return;

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
${tableScript}
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
`;
