import { homedir } from 'node:os';
import { basename, dirname, resolve as resolvePath } from 'node:path';
import { Problem } from '../base/problem.ts';
import { commandLineLayers } from '../spec/layers.ts';
import { profileNamed } from '../spec/profile.ts';
import { resolveSandbox } from '../spec/resolve-sandbox.ts';
import { exitCodes } from './failure.ts';
import { locateMounts } from './host-directories.ts';
import type { Io } from './io.ts';
import { jsonText, printable } from './printable.ts';
import { projectFileName, readProjectFile, type ProjectFile } from './project-file.ts';
import { trustNeeds, type TrustNeed } from './project-trust.ts';
import { readSessionSettings } from './settings.ts';
import { renderTable } from './table.ts';
import { isTrusted, readTrusted, writeTrusted, type Trusted } from './trust-store.ts';
import { UsageProblem } from './usage.ts';
import type { Call, Verb } from './verb.ts';

/** `coi trust` */
export const trust: Verb = async (call) => {
  const { args, options } = call;
  if (options['list'] === true && (options['remove'] === true || args.length > 0)) {
    throw new UsageProblem('--list takes no directory and no --remove', 'Example: coi trust --list');
  }
  if (options['list'] === true) return list(call);
  const words = args.length > 0 ? args : [typeof options['workspace'] === 'string' ? options['workspace'] : '.'];
  const directories = words.map((word) => directoryOf(call.io, word));
  return options['remove'] === true ? remove(call, directories) : add(call, directories);
};

/** The file may be named, too. */
function directoryOf({ cwd }: Io, word: string): string {
  const path = resolvePath(cwd, word);
  return basename(path) === projectFileName ? dirname(path) : path;
}

async function add({ io, options }: Call, directories: readonly string[]): Promise<number> {
  const reports: TrustReport[] = [];
  for (const directory of directories) {
    const { file, keys } = await judged(io, directory);
    const at = new Date(io.clock.now()).toISOString();
    // Read again for each: two that run at once lose nothing but what they say about the same file.
    await writeTrusted(io, { ...(await readTrusted(io)), [file.file]: { sha256: file.hash, at } });
    reports.push({ file: file.file, sha256: file.hash, trusted_at: at, state: 'trusted', keys });
  }
  return show(io, options, reports, ({ file, keys = [] }) => {
    const lines = keys.map((key) => `  ${printable(key)}\n`).join('');
    const about = keys.length === 0 ? 'it asks for nothing that needs trust' : 'it may set, for you:';
    return `Trusted ${printable(file)} as it is now; ${about}\n${lines}`;
  });
}

/** What was read is what is trusted, and what is shown: also what only somebody who takes one of its profiles gets. */
async function judged(io: Io, directory: string): Promise<{ file: ProjectFile; keys: readonly string[] }> {
  const { settings: all, project } = await readSessionSettings(io, directory);
  if (!project) throw noFile(directory);
  const { file, layer } = project;
  const home = io.env['HOME'] || homedir();
  const flags = { workspace: dirname(file.file) };
  const located = await locateMounts(home, all.layer);
  const needs = [undefined, ...Object.keys(layer.profiles ?? {})].flatMap((name) =>
    trustNeeds({
      project,
      resolve: (settings) => {
        const profile = profileNamed(name, settings);
        const layers = commandLineLayers({ settings, flags, ...(profile && { profile }) });
        return located(resolveSandbox({ layers, home, session: true }));
      },
    }),
  );
  const each = new Map(needs.toReversed().map((need) => [need.key, need]));
  const inOrder = [...each.values()].toSorted((a, b) => lineOf(a) - lineOf(b));
  return { file, keys: inOrder.map((need) => `line ${lineOf(need)}: ${need.key}: ${need.why}`) };
}

function lineOf({ position: { line = 0 } }: TrustNeed): number {
  return line;
}

async function remove({ io, options }: Call, directories: readonly string[]): Promise<number> {
  const trusted = await readTrusted(io);
  const files = await Promise.all(directories.map((directory) => trustedFile(directory, trusted)));
  const rest = Object.entries(trusted).filter(([file]) => !files.includes(file));
  await writeTrusted(io, Object.fromEntries(rest));
  const reports = files.map((file): TrustReport => ({ file, ...shown(trusted[file]!), state: 'removed' }));
  return show(io, options, reports, ({ file }) => `No longer trusted: ${printable(file)}\n`);
}

/** By the directory that it leads to, or as it is written where nothing is there any more. */
async function trustedFile(directory: string, trusted: Trusted): Promise<string> {
  const read = await readProjectFile(directory).catch((error: unknown) => {
    // Trust can be taken away from whatever stands there now.
    if (error instanceof Problem) return undefined;
    throw error;
  });
  const file = read?.file ?? `${directory}/${projectFileName}`;
  if (Object.hasOwn(trusted, file)) return file;
  throw new Problem({
    code: 'trust.unknown',
    message: `"${file}" is not trusted`,
    hint: 'What is: coi trust --list',
  });
}

async function list({ io, options }: Call): Promise<number> {
  const trusted = await readTrusted(io);
  const reports = await Promise.all(
    Object.entries(trusted).map(async ([file, entry]): Promise<TrustReport> => {
      return { file, ...shown(entry), state: await stateOf(io, file) };
    }),
  );
  reports.sort((a, b) => (a.file < b.file ? -1 : 1));
  if (options['format'] === 'json' || reports.length > 0) {
    const rows = reports.map(({ state, trusted_at: at, file }) => [state, at, printable(file)]);
    const table = () => renderTable({ head: ['STATE', 'SINCE', 'FILE'], rows });
    if (options['format'] === 'json') io.stdout.write(jsonText(reports));
    else io.stdout.write(table());
  } else {
    io.stdout.write('Nothing is trusted\n');
  }
  return exitCodes.done;
}

async function stateOf(io: Io, file: string): Promise<TrustReport['state']> {
  try {
    const read = await readProjectFile(dirname(file));
    if (!read) return 'gone';
    return (await isTrusted(io, read)) ? 'trusted' : 'changed';
  } catch (error) {
    // What cannot be read is not what was trusted.
    if (error instanceof Problem) return 'changed';
    throw error;
  }
}

/** One file, as JSON has it. */
interface TrustReport {
  readonly file: string;
  readonly sha256: string;
  readonly trusted_at: string;
  readonly state: 'trusted' | 'changed' | 'gone' | 'removed';
  /** What it may set that needs trust. */
  readonly keys?: readonly string[];
}

function shown({ sha256, at }: Trusted[string]): Pick<TrustReport, 'sha256' | 'trusted_at'> {
  return { sha256, trusted_at: at };
}

function show(
  io: Io,
  options: Call['options'],
  reports: readonly TrustReport[],
  text: (report: TrustReport) => string,
): number {
  if (options['format'] === 'json') io.stdout.write(jsonText(reports));
  else for (const report of reports) io.stdout.write(text(report));
  return exitCodes.done;
}

function noFile(directory: string): Problem {
  return new Problem({
    code: 'trust.none',
    message: `There is no ${projectFileName} in "${directory}"`,
    hint: 'Name the directory of the project',
  });
}
