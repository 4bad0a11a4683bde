import { enableCompileCache } from 'node:module';
import { compileCacheDirectory } from './cli/compile-cache.ts';

const directory = compileCacheDirectory();
if (directory !== undefined) enableCompileCache(directory);
const { main } = await import('./cli/main.ts');
await main();
