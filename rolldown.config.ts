import type { RolldownOptions } from 'rolldown';

/**
 * The program as it is installed: few files with what they need of other packages inside, because finding and reading
 * hundreds takes longer than running them. What a command does not use stays in parts of its own.
 */
const options: RolldownOptions = {
  // Every program that is started as one; see src/base/own-files.ts.
  input: {
    main: 'src/main.ts',
    'session/save/owner-process': 'src/session/save/owner-process.ts',
    'host/process/words-process': 'src/host/process/words-process.ts',
  },
  platform: 'node',
  output: { dir: 'dist', format: 'esm', cleanDir: true, chunkFileNames: 'parts/[name]-[hash].js' },
};

export default options;
