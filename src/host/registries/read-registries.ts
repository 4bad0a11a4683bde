import { Problem } from '../../base/problem.ts';
import { aptUrls } from './apt.ts';
import type { RegistryCall } from './ask-program.ts';
import { entriesOf } from './entry.ts';
import { npmUrls } from './npm.ts';

/** Where the host gets its packages from. */
export interface Registries {
  /** Entries for `allowed_domains`, sorted, each once. */
  readonly entries: readonly string[];
  /** What could not be read, and is left out. */
  readonly warnings: readonly Problem[];
}

/** Reads which package registries, and which proxies on the way there, this host is configured to use. */
export async function readRegistries(call: RegistryCall): Promise<Registries> {
  const warnings: Problem[] = [];
  const noting = async (reading: Promise<string[]>): Promise<string[]> => {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      warnings.push(error);
      return [];
    }
  };
  const configured = await Promise.all([noting(npmUrls(call)), noting(aptUrls(call))]);
  const urls = [...configured.flat(), ...proxiesIn(call.env)];
  return { entries: [...new Set(urls.flatMap(entriesOf))].toSorted(), warnings };
}

/** Both package managers take these when their own configuration names none. */
function proxiesIn(env: RegistryCall['env']): string[] {
  return ['http_proxy', 'https_proxy'].flatMap((name) => env[name] ?? env[name.toUpperCase()] ?? []);
}
