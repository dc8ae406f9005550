// As actions/upload-artifact with a path that is one directory: what is in it, but hidden files, is what the artifact has.
import { cpSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';

const { ARTIFACTS, INPUT_NAME, INPUT_PATH, INPUT_OVERWRITE } = process.env;
const target = path.join(ARTIFACTS, INPUT_NAME);
if (!existsSync(INPUT_PATH)) {
  console.log(`::warning::No files were found with the provided path: ${INPUT_PATH}. No artifacts will be uploaded.`);
} else if (existsSync(target) && INPUT_OVERWRITE !== 'true') {
  console.log(`::error::Conflict: an artifact with this name already exists on the workflow run: ${INPUT_NAME}`);
  process.exitCode = 1;
} else {
  rmSync(target, { recursive: true, force: true });
  cpSync(INPUT_PATH, target, { recursive: true, filter: (file) => !path.basename(file).startsWith('.') });
}
