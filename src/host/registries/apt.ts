import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, Problem } from '../../base/problem.ts';
import { urisInList, urisInMirrorList, urisInStanzas } from './apt-sources.ts';
import { askProgram } from './ask-program.ts';
import type { RegistryCall } from './ask-program.ts';

/**
 * URLs of the archives and proxies that apt is configured to use. apt-config says where the files are and which proxies
 * there are; the files are read here, because apt itself takes long and wants its lists first. Nothing where there is no apt.
 * @see apt-config(8), apt.conf(5), sources.list(5)
 *
 * @throws {Problem} `registries.apt` when apt-config does not answer or a file cannot be read
 */
export async function aptUrls(call: RegistryCall): Promise<string[]> {
  const config = await readConfig(call);
  if (!config) return [];
  const etc = resolve('/', config.get('Dir') ?? '/', config.get('Dir::Etc') ?? 'etc/apt');
  try {
    const uris = await sourcesIn(
      resolve(etc, config.get('Dir::Etc::sourcelist') ?? 'sources.list'),
      resolve(etc, config.get('Dir::Etc::sourceparts') ?? 'sources.list.d'),
    );
    return [...(await Promise.all(uris.map(urlsOf))).flat(), ...proxiesIn(config)];
  } catch (error) {
    throw failed(messageOf(error));
  }
}

async function readConfig({ env, signal }: RegistryCall): Promise<ReadonlyMap<string, string> | undefined> {
  const dump = await askProgram({ argv: ['apt-config', 'dump'], env, signal, failed });
  return dump === undefined
    ? undefined
    : new Map([...dump.matchAll(/^(\S+) "(.*)";$/gm)].map(([, key, value]) => [key!, value!]));
}

/** Files whose names apt passes over are passed over. */
async function sourcesIn(list: string, parts: string): Promise<string[]> {
  const names = (await orNothing(readdir(parts))) ?? [];
  const isPart = (name: string) => /^[A-Za-z0-9_.-]+\.(?:list|sources)$/.test(name);
  const files = [list, ...names.filter(isPart).map((name) => join(parts, name))];
  const read = await Promise.all(
    files.map(async (file) => {
      const text = (await orNothing(readFile(file, 'utf8'))) ?? '';
      return file.endsWith('.sources') ? urisInStanzas(text) : urisInList(text);
    }),
  );
  return read.flat();
}

/** What a source leads to: a list of mirrors to what it holds when it is a file, else to whoever serves it. */
async function urlsOf(uri: string): Promise<string[]> {
  const file = /^mirror\+file:(?:\/\/)?(\/.*)$/.exec(uri)?.[1];
  if (file !== undefined) return urisInMirrorList((await orNothing(readFile(file, 'utf8'))) ?? '');
  return [uri.replace(/^mirror\+(?=https?:)/, '').replace(/^mirror:/, 'http:')];
}

/** Proxies for everything and for single hosts; `DIRECT` is none, and passed over with all that is no URL. */
function proxiesIn(config: ReadonlyMap<string, string>): string[] {
  return [...config].flatMap(([key, value]) => (/^Acquire::https?::Proxy(?:::.+)?$/i.test(key) ? [value] : []));
}

async function orNothing<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  return reading.catch((error: unknown) => {
    // What is not there configures nothing.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
}

function failed(why: string): Problem {
  return new Problem({
    code: 'registries.apt',
    message: `Cannot read apt's configuration: ${why}`,
    hint: 'Its archives are left out where a manifest names no allowed_domains. Try: apt-config dump',
  });
}
