import { messageOf, Problem } from '../base/problem.ts';
import { isFingerprint } from '../spec/names.ts';
import type { Incus } from '../host/incus/client.ts';
import type { BaseSource, Definition } from './definition.ts';
import { takeFresh, type FreshTools } from './fresh-base.ts';

/** What finding a base needs. */
export interface BaseTools {
  readonly incus: Pick<Incus, 'images' | 'operations' | 'server'>;
  readonly signal: AbortSignal;
  /** Wait until nobody else holds what comes from the same place. */
  readonly hold: FreshTools['hold'];
  /** Tell a person. */
  readonly say: (line: string) => void;
  /** The alias that a definition's image has. */
  readonly aliasOf: (definition: string) => Promise<string>;
  /** Build the image of another definition. @returns its fingerprint */
  readonly build: (definition: string) => Promise<string>;
  /** Fetch an image by `REMOTE:ALIAS`. @returns its fingerprint */
  readonly fetch: (name: string) => Promise<string>;
  /** Make an image from the distribution's packages. @returns its fingerprint */
  readonly bootstrap: () => Promise<string>;
  /** Hash of all that {@link bootstrap} makes it from. */
  readonly bootstrapRecipe: () => Promise<string>;
}

/** What an image starts from. What was made or fetched for it goes when it is disposed of, which may be done twice. */
export interface Base extends AsyncDisposable {
  readonly fingerprint: string;
  /** What stands for it in recipes: its fingerprint where it is an image of this host, else where it comes from. */
  readonly identity: string;
}

/**
 * What can stand for the base of a definition, as this host is now, without making or fetching anything: the first is what
 * a build would take if all goes well.
 */
export async function identitiesOf(tools: BaseTools, { bases }: Definition): Promise<string[]> {
  const identities: string[] = [];
  for (const source of bases) {
    const fingerprint = await localImage(tools, source);
    if (fingerprint !== undefined) return [...identities, fingerprint];
    if (source.kind === 'definition') return identities;
    if (source.kind === 'remote' || source.kind === 'packages') identities.push(await identityOf(tools, source));
  }
  return identities;
}

/** What is on this host already. */
async function localImage({ incus, aliasOf, signal }: BaseTools, source: BaseSource): Promise<string | undefined> {
  if (source.kind === 'image' && isFingerprint(source.alias)) return source.alias;
  if (source.kind === 'image') return await incus.images.resolve(source.alias, { signal });
  if (source.kind === 'definition') return await incus.images.resolve(await aliasOf(source.name), { signal });
  return undefined;
}

async function identityOf(
  { bootstrapRecipe }: BaseTools,
  source: Extract<BaseSource, { kind: 'remote' | 'packages' }>,
): Promise<string> {
  return source.kind === 'remote' ? `remote ${source.name}` : `packages ${await bootstrapRecipe()}`;
}

/**
 * The first base of a definition that there is, or that can be made or fetched; which one is told.
 *
 * @throws {Problem} `image.no-base` with the reasons when there is none, `image.architecture`
 */
export async function findBase(tools: BaseTools, { name, bases }: Definition): Promise<Base> {
  const reasons: string[] = [];
  for (const source of bases) {
    try {
      return await checkedBase(tools, source);
    } catch (error) {
      tools.signal.throwIfAborted();
      if (!(error instanceof Problem)) throw error;
      const reason = `${described(source)}: ${messageOf(error)}`;
      if (bases.length > 1) tools.say(`Not from ${reason}`);
      reasons.push(error.hint === undefined ? reason : `${reason} (${error.hint})`);
    }
  }
  throw new Problem({
    code: 'image.no-base',
    message: `There is nothing to build "${name}" from: ${reasons.join('; ')}`,
    hint: 'See what this host has: coi image list --all',
  });
}

async function checkedBase(tools: BaseTools, source: BaseSource): Promise<Base> {
  await using stack = new AsyncDisposableStack();
  const base = stack.use(await takeBase(tools, source));
  await requireArchitecture(tools, base, source);
  tools.say(`Base: ${described(source)}, ${base.fingerprint.slice(0, 12)}`);
  stack.move();
  return base;
}

async function takeBase(tools: BaseTools, source: BaseSource): Promise<Base> {
  const fingerprint = await localImage(tools, source);
  if (fingerprint !== undefined) return kept(fingerprint);
  if (source.kind === 'image') {
    throw new Problem({ code: 'image.absent', message: `this host has no image "${source.alias}"` });
  }
  if (source.kind === 'definition') {
    return kept(await tools.build(source.name));
  }
  const identity = await identityOf(tools, source);
  const make = source.kind === 'remote' ? () => tools.fetch(source.name) : tools.bootstrap;
  return { ...(await takeFresh(tools, identity, make)), identity };
}

/** An image with a place of its own on this host. */
function kept(fingerprint: string): Base {
  return { fingerprint, identity: fingerprint, [Symbol.asyncDispose]: async () => undefined };
}

async function requireArchitecture(
  { incus, signal }: BaseTools,
  { fingerprint }: Base,
  source: BaseSource,
): Promise<void> {
  const { architecture } = await incus.images.get(fingerprint, { signal });
  const { architectures } = await incus.server({ signal });
  if (architectures.length === 0 || architectures.includes(architecture)) return;
  throw new Problem({
    code: 'image.architecture',
    message: `${described(source)} is for ${architecture}, and this host runs ${architectures.join(', ')}`,
    hint: 'Take an image for this host.',
  });
}

function described(source: BaseSource): string {
  if (source.kind === 'image') return `image ${source.alias}`;
  if (source.kind === 'definition') return `definition ${source.name}`;
  return source.kind === 'remote' ? `image server ${source.name}` : "the distribution's packages";
}
