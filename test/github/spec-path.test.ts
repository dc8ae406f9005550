import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathInRepository } from '../../src/github/spec-path.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('the path of a spec in its repository', () => {
  it('is from the workspace, or from the checkout in it that has the spec', () => {
    const workspace = temporaryDirectory();
    const file = path.join(workspace, 'cases/flow/study.yaml');
    expect(pathInRepository(file, workspace)).toBe('cases/flow/study.yaml');
    mkdirSync(path.join(workspace, '.git'));
    expect(pathInRepository(file, workspace)).toBe('cases/flow/study.yaml');
    mkdirSync(path.join(workspace, 'cases/.git'), { recursive: true });
    expect(pathInRepository(file, workspace)).toBe('flow/study.yaml');
    expect(pathInRepository(path.join(workspace, '..a.yaml'), workspace)).toBe('..a.yaml');
  });

  it('is none outside the workspace', () => {
    expect(pathInRepository('/elsewhere/study.yaml', '/home/runner/repository')).toBeUndefined();
    expect(pathInRepository('/home/runner/repository-2/study.yaml', '/home/runner/repository')).toBeUndefined();
  });
});
