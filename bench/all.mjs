// Runs the benchmarks: all, or those named. Needs the sources compiled (`npm run build`).
//   npm run bench [-- conductor start ...]
const all = ['conductor', 'start', 'run', 'stage', 'journal', 'flux', 'slurm', 'ssh'];
const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : all) {
  console.log(`\n# ${name}`);
  const { default: bench } = await import(`./${name}.mjs`);
  await bench();
}
