/** The projects of the tests, by what their tests start. */
export const projectNames = ['unit', 'host', 'action', 'sites', 'conformance', 'reliability'] as const;
export type ProjectName = (typeof projectNames)[number];

/** Folders whose tests belong to one project, unless a file's own name says otherwise. All other folders are of `unit`. */
const folders: Readonly<Record<Exclude<ProjectName, 'unit'>, readonly string[]>> = {
  host: ['hosts'],
  action: ['action'],
  sites: [],
  conformance: ['conformance'],
  reliability: ['reliability'],
};

/** Globs from the top of the repository. */
export interface ProjectFiles {
  readonly include: string[];
  readonly exclude: string[];
}

/**
 * The test files of a project: `NAME.PROJECT.test.ts` wherever it is, and `NAME.test.ts` in the project's folders. A test
 * that names no project in a folder of no project is a unit test.
 */
export function filesOf(project: ProjectName): ProjectFiles {
  const named = `test/**/*.${project}.test.ts`;
  const othersNamed = projectNames.filter((name) => name !== project).map((name) => `test/**/*.${name}.test.ts`);
  if (project !== 'unit') {
    return {
      include: [named, ...folders[project].map((folder) => `test/${folder}/**/*.test.ts`)],
      exclude: othersNamed,
    };
  }
  const othersFolders = Object.values(folders).flat();
  return {
    include: ['test/**/*.test.ts'],
    exclude: [...othersNamed, ...othersFolders.map((folder) => `test/${folder}/**/!(*.unit).test.ts`)],
  };
}
