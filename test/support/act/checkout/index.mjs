// As actions/checkout with a `ref`. What asks for no other commit than that of the event act does itself, by a copy.
import { execFileSync } from 'node:child_process';

const { REPOSITORY, GITHUB_WORKSPACE, INPUT_REF } = process.env;
const git = (...args) => execFileSync('git', ['-C', GITHUB_WORKSPACE, ...args], { stdio: 'inherit' });
git('init', '--quiet');
git('fetch', '--quiet', REPOSITORY, INPUT_REF);
git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
