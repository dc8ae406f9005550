// How long the bundle takes to start, beside the Node that runs it.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bundle = fileURLToPath(new URL('../dist/index.js', import.meta.url));

function seconds(args) {
  const times = Array.from({ length: 15 }, () => {
    const begin = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args);
    if (status !== 0) throw new Error(String(stderr));
    return (performance.now() - begin) / 1000;
  });
  return times.sort((a, b) => a - b)[7];
}

export default function bench() {
  console.log(`node alone         ${seconds(['-e', '0']).toFixed(3)} s (median of 15)`);
  console.log(`bundle, --version  ${seconds([bundle, '--version']).toFixed(3)} s (target: 0.2 s)`);
}
