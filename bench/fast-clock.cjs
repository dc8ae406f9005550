// Loaded before a program: after SIGUSR2 an hour passes for it in a minute. What waits then waits as long as it was to.
const FACTOR = 60;
const { setTimeout: realTimeout, setInterval: realInterval } = globalThis;
const realNow = Date.now.bind(Date);
let since;

const shortened = (milliseconds) => (since === undefined ? milliseconds : milliseconds / FACTOR);

process.on('SIGUSR2', () => {
  since ??= realNow();
});
Date.now = () => (since === undefined ? realNow() : since + (realNow() - since) * FACTOR);
globalThis.setTimeout = (call, milliseconds, ...args) => realTimeout(call, shortened(milliseconds), ...args);
globalThis.setInterval = (call, milliseconds, ...args) => realInterval(call, shortened(milliseconds), ...args);
