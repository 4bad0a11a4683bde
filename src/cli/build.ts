import { systemClock as clock } from '../base/clock.ts';
import type { ControlApi } from '../controller/control-api.ts';
import { incusSocket } from '../host/incus/socket.ts';
import { baseTools } from '../image/base-tools.ts';
import type { BuildRequest } from '../image/build-image.ts';
import type { BuildTools, Built } from '../image/build-tools.ts';
import { findDefinition } from '../image/find-definition.ts';
import { readDefinition } from '../image/read-definition.ts';
import { upToDate } from '../image/up-to-date.ts';
import { usersIn } from './image-users.ts';
import { commandLine } from './command-line.ts';
import type { Io } from './io.ts';
import { openIncusIn } from './open-own-incus.ts';
import { jsonText, printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { etcDirectory } from './settings-files.ts';
import { readSettings } from './settings.ts';
import type { Verb } from './verb.ts';

/** What is built where nothing is named. */
const usual = 'coi';

/** `coi build` */
export const build: Verb = async ({ io, args, options }) => {
  const names = args.length === 0 ? [usual] : [...new Set(args)];
  const places = { etc: etcDirectory(io.env), cwd: io.cwd };
  const force = options['force'] === true;
  const keep = options['keep'] as number | undefined;
  const built: Built[] = [];
  for (const name of names) {
    const definition = await readDefinition(await findDefinition(name, places));
    built.push(await buildHere(io, { definition, force, retry: retryOf(['build', name], options) }, keep));
  }
  if (options['format'] === 'json') {
    const reports = built.map(reportOf);
    io.stdout.write(jsonText(args.length > 1 ? reports : reports[0]));
  } else for (const each of built) io.stdout.write(linesOf(each));
  return 0;
};

/** The command that tries it again. */
export function retryOf(words: readonly string[], { force, keep }: Readonly<Record<string, unknown>>): string {
  const kept = typeof keep === 'number' ? ['--keep', String(keep)] : [];
  return commandLine(['coi', ...words, ...(force === true ? ['--force'] : []), ...kept]);
}

/**
 * Build an image as this user, by whoever reconciles. Nobody is asked where there is nothing to do.
 *
 * @param keep how many versions stay; what the settings say unless given
 */
export async function buildHere(io: Io, request: BuildRequest, keep?: number): Promise<Built> {
  const settings = await readSettings(io);
  const socketPath = incusSocket(io.env);
  const { project } = settings.incus;
  await using incus = openIncusIn(io, project);
  await using connected = new AsyncDisposableStack();
  const api = once(async () => connected.use(await connectLater(io)));
  const places = { etc: etcDirectory(io.env), cwd: io.cwd };
  const tools: BuildTools = {
    incus,
    clock,
    signal: io.signal,
    registries: async () => {
      const { homeOf } = await import('../source/homes.ts');
      return { env: io.env, home: await homeOf(0), signal: io.signal };
    },
    say: (line) => io.stderr.write(`${printable(line)}\n`),
    during: (what, work) => withProgress(io, printable(what), work),
    place: `${socketPath}\n${project}`,
    container: async (subject) => {
      const { openBuildContainer } = await import('./build-container.ts');
      return openBuildContainer({ io, api: await api(), incus, settings, subject });
    },
    users: async () => usersIn(await (await api()).status()),
    find: (name) => findDefinition(name, places),
    keep: keep ?? settings.images.keep,
  };
  const { definition, force } = request;
  // Building takes a large part of this program: it is loaded where there is something to build.
  const bases = baseTools(tools, definition, async () => undefined);
  const before = force ? undefined : await upToDate(bases, definition);
  return before ?? (await (await import('../image/build-image.ts')).buildImage(tools, request));
}

/** A signal ends what runs inside; what is asked of the controller afterwards must still get through. */
async function connectLater(io: Io): Promise<ControlApi & AsyncDisposable> {
  const { connect } = await import('./connect.ts');
  return await connect({ ...io, signal: new AbortController().signal }, 'write');
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

function reportOf({ alias, versionAlias, fingerprint, skipped, stages }: Built) {
  return { alias, ...(versionAlias !== undefined && { version_alias: versionAlias }), fingerprint, skipped, stages };
}

function linesOf({ alias, versionAlias, fingerprint }: Built): string {
  return `${[alias, versionAlias ?? '', fingerprint].filter((line) => line !== '').join('\n')}\n`;
}
